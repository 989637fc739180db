//! The laws of every sink, over claims in DynamoDB behind a proxy that throttles, loses answers and hangs up.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use order_model::*;
use sink::harness::{Contents, Injected, Subject, check};
use sink_push::*;
use tables::{Table, TableOptions, Tables};

use crate::laws::{early, expected};
use crate::proxy::{Fault, Proxy};
use crate::rig::shop;
use crate::stores::{dynoxide, tables_at};

#[derive(Default)]
struct Push {
    present: Option<(Tables, TableOptions, Proxy)>,
    refuses: Arc<AtomicBool>,
}

impl Push {
    fn present(&self) -> &(Tables, TableOptions, Proxy) {
        self.present.as_ref().unwrap()
    }
}

impl Subject for Push {
    type Target = PushSink<TableClaims, MemoryContacts>;

    fn name(&self) -> String {
        "push, claims in DynamoDB (dynoxide)".to_owned()
    }

    async fn fresh(&mut self) {
        let (tables, options) = tables_at(&dynoxide()).await;
        let proxy = Proxy::start(&dynoxide()).await;
        self.present = Some((tables, options, proxy));
    }

    async fn open(&self) -> Self::Target {
        let (_, options, proxy) = self.present();
        let options = TableOptions { endpoint: Some(proxy.endpoint.clone()), ..options.clone() };
        let refuses = Arc::clone(&self.refuses);
        let contacts = MemoryContacts::with_otherwise(move |who| {
            let is_refused = refuses.load(Ordering::Relaxed) && who.0[15].is_multiple_of(2);
            let text = if is_refused { "nobody".to_owned() } else { format!("{who}@example.org") };
            let addresses = vec![Address::Email(text), Address::Sms("+4930123456".to_owned())];
            Some(Contact { locale: "de".to_owned(), addresses, muted: Vec::new() })
        });
        let outbox = Outbox::in_memory();
        PushSink::start(Parts {
            claims: TableClaims::over(Tables::connect(&options).await.unwrap()),
            contacts,
            templates: Templates::built_in().unwrap(),
            shop: shop(),
            channels: vec![
                Box::new(outbox.channel(ChannelKind::Email)),
                Box::new(outbox.channel(ChannelKind::Sms)),
            ],
            clock: early(),
        })
    }

    async fn contents(&self) -> Contents {
        let (tables, ..) = self.present();
        let mut pages =
            tables.client().scan().table_name(tables.name(Table::Notices)).into_paginator().items().send();
        let mut contents = Contents::new();
        while let Some(item) = pages.next().await {
            let item = item.unwrap();
            let Some((event, slot)) = item["notice"].as_s().unwrap().rsplit_once('#') else { continue };
            let facts: Facts = serde_json::from_str(item["facts"].as_s().unwrap()).unwrap();
            contents
                .insert(format!("{} {event} {slot}", item["order"].as_s().unwrap()), format!("{facts:?}"));
        }
        contents
    }

    fn expected(&self, decisions: &[Vec<Decision>]) -> Option<Contents> {
        Some(expected(decisions))
    }

    fn inject(&self, fault: Option<Injected>) -> bool {
        self.refuses.store(fault == Some(Injected::Refuse), Ordering::Relaxed);
        self.present().2.inject(match fault {
            None | Some(Injected::Refuse) => None,
            // Claims are written one by one: when some are throttled, the others are written.
            Some(Injected::Throttle | Injected::Partial) => Some(Fault::Throttle),
            Some(Injected::LostReply) => Some(Fault::LostReply),
            Some(Injected::Outage) => Some(Fault::Outage),
            Some(Injected::Halt) => Some(Fault::Code("UnrecognizedClientException", "The token is invalid")),
        });
        true
    }

    fn commands(&self) -> u64 {
        150
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_laws_of_every_sink_over_tables() {
    let report = check(Push::default()).await;
    // Past the capture of the tests' output: the table is there to be read.
    writeln!(std::io::stdout(), "{report}").unwrap();
    report.assert_kept(&[]);
}
