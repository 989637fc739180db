//! The laws that every sink keeps, over both stand-ins.

use order_model::Decision;
use sink::harness::{Contents, Injected, Subject, check};
use sink_dynamodb::{DynamoDb, Item, Key, Options, Retention, TABLES, items_of, scan};
use std::io::Write as _;
use tables::Tables;

use crate::proxy::{Fault, Proxy};
use crate::stand_in::{StandIn, through};

struct Tested {
    stand_in: StandIn,
    present: Option<(Tables, Options, Proxy)>,
}

impl Tested {
    fn present(&self) -> &(Tables, Options, Proxy) {
        self.present.as_ref().unwrap()
    }
}

fn contents(items: impl IntoIterator<Item = (Key, Item)>) -> Contents {
    items.into_iter().map(|(key, item)| (key.to_string(), item.to_string())).collect()
}

impl Subject for Tested {
    type Target = DynamoDb;

    fn name(&self) -> String {
        self.stand_in.name().to_owned()
    }

    async fn fresh(&mut self) {
        let (tables, options) = self.stand_in.tables().await;
        let proxy = Proxy::start(&self.stand_in.endpoint()).await;
        self.present = Some((tables, options, proxy));
    }

    async fn open(&self) -> DynamoDb {
        let (_, options, proxy) = self.present();
        through(&proxy.endpoint, options).await
    }

    async fn contents(&self) -> Contents {
        contents(scan(&self.present().0, &TABLES).await.unwrap())
    }

    fn expected(&self, decisions: &[Vec<Decision>]) -> Option<Contents> {
        Some(contents(items_of(decisions.iter().flatten(), &Retention::default())))
    }

    fn inject(&self, fault: Option<Injected>) -> bool {
        self.present().2.inject(fault.map(|fault| match fault {
            Injected::Throttle => Fault::Throttle,
            Injected::Partial => Fault::Partial,
            Injected::LostReply => Fault::LostReply,
            Injected::Outage => Fault::Outage,
            Injected::Refuse => Fault::Refuse,
            Injected::Halt => Fault::Code(
                "UnrecognizedClientException",
                "The security token included in the request is invalid",
            ),
        }));
        true
    }

    fn commands(&self) -> u64 {
        match self.stand_in {
            StandIn::Dynoxide => 400,
            // It writes some hundred items a second.
            StandIn::DynamoDbLocal => 150,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_is_kept_over_dynoxide() {
    let report = check(Tested { stand_in: StandIn::Dynoxide, present: None }).await;
    // Past the capture of the tests' output: the table is there to be read.
    writeln!(std::io::stdout(), "{report}").unwrap();
    report.assert_kept(&[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_is_kept_over_dynamodb_local() {
    let report = check(Tested { stand_in: StandIn::DynamoDbLocal, present: None }).await;
    // Past the capture of the tests' output: the table is there to be read.
    writeln!(std::io::stdout(), "{report}").unwrap();
    report.assert_kept(&[]);
}
