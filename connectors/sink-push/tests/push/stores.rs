//! What every store of claims and of contacts keeps to, over memory, DynamoDB in this process, and DynamoDB Local.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use order_model::*;
use sink::{Reached, Target};
use sink_push::channels::email::{EmailChannel, EmailOptions, Security};
use sink_push::claims::{Recorded, Settled};
use sink_push::contacts::{Interest, Subscriber, WebSubscription};
use sink_push::limits::CLAIM_RETENTION_MS;
use sink_push::stand_in::SmtpServer;
use sink_push::*;
use tables::sdk::types::AttributeValue;
use tables::{Local, Table, TableOptions, Tables};
use testbed::shared_dynamodb;

use crate::rig::*;

pub(crate) fn dynoxide() -> String {
    static LOCAL: OnceLock<Local> = OnceLock::new();
    LOCAL.get_or_init(|| Local::start().unwrap()).endpoint()
}

/// Tables of one's own at a stand-in.
pub(crate) async fn tables_at(endpoint: &str) -> (Tables, TableOptions) {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let prefix = format!("p{}-", NUMBER.fetch_add(1, Ordering::Relaxed));
    let options = TableOptions { prefix, ..TableOptions::local(endpoint) };
    let tables = Tables::connect(&options).await.unwrap();
    tables.create(&[Table::Notices, Table::Contacts, Table::Subscriptions]).await.unwrap();
    (tables, options)
}

fn planned(number: u64) -> Planned {
    let [planned] = plan(&about(OrderEventKind::Paid, number.into(), number)).try_into().unwrap();
    planned
}

fn claim(number: u64, due: u64) -> Claim {
    let slot = Slot::Channel(ChannelKind::Email);
    Claim { due: TimeMs(due), ..Claim::new(&planned(number), Partition(3), Sequence(number), slot) }
}

fn settled(state: ClaimState, due: u64) -> Settled {
    Settled { state, due: TimeMs(due), detail: "as told".to_owned() }
}

async fn keeps_claims(claims: impl Claims) {
    let mail = Slot::Channel(ChannelKind::Email);
    let all: Vec<Claim> = (1..=120).map(|number| claim(number, 1_000 - number)).collect();
    assert_eq!(claims.record(&all).await.unwrap(), vec![Recorded::New; 120]);
    let again: Vec<Claim> =
        all.iter().rev().map(|claim| Claim { sequence: Sequence(900), ..claim.clone() }).collect();
    let standing: Vec<Recorded> =
        (1..=120).rev().map(|number| Recorded::Standing(Sequence(number))).collect();
    assert_eq!(claims.record(&again).await.unwrap(), standing);

    let nobody = ClaimKey { event: "none".to_owned(), ..all[0].key.clone() };
    let keys = [all[5].key.clone(), nobody.clone(), all[2].key.clone(), all[5].key.clone()];
    let found = claims.find(&keys).await.unwrap();
    assert_eq!(found, [Some(all[5].clone()), None, Some(all[2].clone()), Some(all[5].clone())]);

    // The earliest come first, whatever else is open; those to come do not count.
    let open = claims.open(mail, TimeMs(990), 40).await.unwrap();
    let due: Vec<u64> = open.iter().map(|claim| claim.due.0).collect();
    assert_eq!(due, (880..920).collect::<Vec<u64>>());
    assert_eq!(claims.open(mail, TimeMs(990), 1_000).await.unwrap().len(), 111);
    assert_eq!(claims.open(Slot::Channel(ChannelKind::Sms), TimeMs(990), 40).await.unwrap(), []);

    one_step_is_won_once(&claims, &all[0]).await;
    newer_takes_the_place_of_what_yields(&claims).await;

    let mut sms = claim(1, 5);
    sms.key.slot = Slot::Channel(ChannelKind::Sms);
    let mark = Claim {
        state: ClaimState::Sent,
        key: ClaimKey { slot: Slot::Mark, ..sms.key.clone() },
        ..sms.clone()
    };
    claims.record(&[sms.clone(), mark.clone()]).await.unwrap();
    let of = claims.of(&sms.key.subject).await.unwrap();
    let slots: Vec<Slot> = of.iter().map(|claim| claim.key.slot).collect();
    assert_eq!(slots, [Slot::Mark, mail, sms.key.slot]);
    assert_eq!(claims.of("nobody").await.unwrap(), []);

    let reached = |sequence, offset| Reached { sequence: Sequence(sequence), next_offset: Offset(offset) };
    assert_eq!(claims.reached(Partition(1)).await.unwrap(), Reached::default());
    for (told, stands) in [((5, 9), (5, 9)), ((4, 20), (5, 9)), ((5, 11), (5, 11)), ((5, 10), (5, 11))] {
        let progress = [(Partition(1), reached(told.0, told.1)), (Partition(2), reached(7, 7))];
        claims.advance(&progress).await.unwrap();
        assert_eq!(claims.reached(Partition(1)).await.unwrap(), reached(stands.0, stands.1));
    }
    assert_eq!(claims.reached(Partition(2)).await.unwrap(), reached(7, 7));
}

async fn one_step_is_won_once(claims: &impl Claims, first: &Claim) {
    let mail = first.key.slot;
    let begun = tokio::join!(
        claims.begin(&first.key, 0, TimeMs(5_000), StepToken::new()),
        claims.begin(&first.key, 0, TimeMs(5_000), StepToken::new()),
        claims.begin(&first.key, 0, TimeMs(5_000), StepToken::new()),
    );
    let begun: Vec<Claim> =
        [begun.0, begun.1, begun.2].into_iter().filter_map(|begun| begun.unwrap()).collect();
    let attempting =
        Claim { state: ClaimState::Attempting, attempts: 1, due: TimeMs(5_000), ..first.clone() };
    assert_eq!(begun, [attempting]);
    // Whoever comes late finds the step taken, and who has taken it finds it again.
    assert!(!claims.settle(&first.key, 0, settled(ClaimState::Failed, 1)).await.unwrap());
    assert!(claims.settle(&first.key, 1, settled(ClaimState::Claimed, 7)).await.unwrap());
    assert_eq!(claims.begin(&first.key, 0, TimeMs(5_000), StepToken::new()).await.unwrap(), None);
    assert_eq!(claims.open(mail, TimeMs(7), 40).await.unwrap().len(), 1);
    let token = StepToken::new();
    for _ in 0..2 {
        assert_eq!(claims.begin(&first.key, 1, TimeMs(6_000), token).await.unwrap().unwrap().attempts, 2);
    }
    assert_eq!(claims.begin(&first.key, 1, TimeMs(6_000), StepToken::new()).await.unwrap(), None);
    assert!(claims.settle(&first.key, 2, settled(ClaimState::Sent, 0)).await.unwrap());
    assert_eq!(claims.begin(&first.key, 2, TimeMs(6_000), StepToken::new()).await.unwrap(), None);
    assert!(!claims.settle(&first.key, 2, settled(ClaimState::Failed, 0)).await.unwrap());
    assert_eq!(claims.open(mail, TimeMs(7), 40).await.unwrap(), []);
    let [stands] = claims.find(std::slice::from_ref(&first.key)).await.unwrap().try_into().unwrap();
    let stands = stands.unwrap();
    assert_eq!((stands.state, stands.attempts, stands.detail.as_str()), (ClaimState::Sent, 2, "as told"));
}

async fn newer_takes_the_place_of_what_yields(claims: &impl Claims) {
    let event = |sequence| {
        let mut planned = planned(1);
        planned.subject = "listing/LAMP-1".to_owned();
        planned.customer = None;
        Claim::new(&planned, Partition(0), Sequence(sequence), Slot::FanOut)
    };
    let record = async |sequence| claims.record(&[event(sequence)]).await.unwrap()[0];
    assert_eq!(record(5).await, Recorded::New);
    assert_eq!(record(4).await, Recorded::Standing(Sequence(5)));
    assert_eq!(record(5).await, Recorded::Standing(Sequence(5)));
    assert_eq!(record(8).await, Recorded::New);
    let key = event(8).key;
    assert_eq!(
        claims.begin(&key, 0, TimeMs(1), StepToken::new()).await.unwrap().unwrap().sequence,
        Sequence(8)
    );
    assert_eq!(record(9).await, Recorded::Standing(Sequence(8)));
    assert_eq!(claims.open(Slot::FanOut, TimeMs(1), 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn claims_in_memory() {
    keeps_claims(MemoryClaims::default()).await;
}

#[tokio::test]
async fn claims_in_dynoxide() {
    Box::pin(keeps_claims(TableClaims::over(tables_at(&dynoxide()).await.0))).await;
}

#[tokio::test]
async fn claims_in_dynamodb_local() {
    Box::pin(keeps_claims(TableClaims::over(tables_at(&shared_dynamodb().unwrap().url()).await.0))).await;
}

#[tokio::test]
async fn a_settled_claim_leaves_the_index_and_goes_in_the_end() {
    let (tables, options) = tables_at(&dynoxide()).await;
    let claims = TableClaims::open(&options).await.unwrap();
    let one = claim(1, 5);
    claims.record(std::slice::from_ref(&one)).await.unwrap();
    let item = async || {
        let items =
            tables.client().scan().table_name(tables.name(Table::Notices)).send().await.unwrap().items;
        let [item] = items.unwrap().try_into().unwrap();
        item
    };
    assert!(item().await.contains_key("open"));
    claims.settle(&one.key, 0, settled(ClaimState::Expired, 5)).await.unwrap();
    let item = item().await;
    assert!(!item.contains_key("open"));
    let goes = (one.expires.0 + CLAIM_RETENTION_MS) / 1_000;
    assert_eq!(item["expires_at"], AttributeValue::N(goes.to_string()));
}

#[tokio::test]
async fn what_is_wrong_with_the_table_is_named() {
    let (tables, options) = tables_at(&dynoxide()).await;
    let claims = TableClaims::open(&options).await.unwrap();
    let one = claim(1, 5);
    let item = tables.client().put_item().table_name(tables.name(Table::Notices));
    let item = item.item("order", AttributeValue::S(one.key.subject.clone()));
    item.item("notice", AttributeValue::S("paid#email".to_owned())).send().await.unwrap();
    let Err(ClaimsError::Halt(text)) = claims.record(&[one]).await else { panic!("it is no claim") };
    assert!(text.contains("has no usable `state`") && text.contains("paid email"), "{text}");

    tables.client().delete_table().table_name(tables.name(Table::Notices)).send().await.unwrap();
    let text = TableClaims::open(&options).await.unwrap_err().to_string();
    assert!(text.contains("notices is missing"), "{text}");
    let Err(ClaimsError::Halt(text)) = claims.reached(Partition(0)).await else {
        panic!("there is no table")
    };
    assert!(text.contains("pipeline table create"), "{text}");
}

#[tokio::test]
async fn two_processes_over_one_table_tell_each_once() {
    let server = SmtpServer::start().unwrap();
    let (tables, _) = tables_at(&dynoxide()).await;
    let contacts = TableContacts::over(tables.clone());
    for number in 1..=60 {
        let addresses = mailbox(customer(number));
        contacts
            .put(customer(number), &Contact { locale: "de".to_owned(), addresses, muted: Vec::new() })
            .await
            .unwrap();
    }
    let hands = Hands::new();
    let open = || {
        let options =
            EmailOptions::new("127.0.0.1", server.port(), Security::None, "The Shop <orders@shop.example>");
        PushSink::start(Parts {
            claims: TableClaims::over(tables.clone()),
            contacts: contacts.clone(),
            templates: Templates::built_in().unwrap(),
            shop: shop(),
            channels: vec![Box::new(EmailChannel::new(options).unwrap())],
            clock: hands.clock(),
        })
    };
    let (mut first, mut second) = (open(), open());
    let decisions: Vec<_> =
        (1..=60).map(|number| about(OrderEventKind::Paid, number.into(), number)).collect();
    for some in decisions.chunks(25) {
        let some = [batch(some.to_vec())];
        let (one, other) = tokio::join!(first.write(&some), second.write(&some));
        assert_eq!((one.unwrap(), other.unwrap()), (Vec::new(), Vec::new()));
    }
    assert!(first.courier().delivered(PATIENCE).await && second.courier().delivered(PATIENCE).await);
    until("all are told", || server.counted().0 >= 60).await;
    assert_eq!(server.counted(), (60, 0));
    let claims = first.courier();
    let [told] = claims.claims().of(&order(7).to_string()).await.unwrap().try_into().unwrap();
    assert_eq!((told.state, told.attempts), (ClaimState::Sent, 1));
}

async fn keeps_contacts(contacts: &impl Contacts) {
    let mute = Mute { channel: ChannelKind::Email, class: Class::Offers };
    for _ in 0..2 {
        contacts.mute(customer(1), mute).await.unwrap();
        contacts.mute(customer(9), mute).await.unwrap();
    }
    let asked = [customer(2), customer(1), customer(8), customer(1), customer(9)];
    let found = contacts.of(&asked).await.unwrap();
    assert_eq!(found[0].as_ref().unwrap().muted, []);
    assert_eq!((found[1].as_ref().unwrap().muted.as_slice(), &found[1]), ([mute].as_slice(), &found[3]));
    assert_eq!(found[1].as_ref().unwrap().addresses, addresses());
    assert_eq!((found[1].as_ref().unwrap().locale.as_str(), &found[2]), ("de-AT", &None));
    assert_eq!(found[4].as_ref().unwrap().muted, [mute]);

    let interest = Interest::Stock("LAMP-1".parse().unwrap());
    let ids = async |after, max| -> Vec<(CustomerId, u64)> {
        let found = contacts.subscribers(&interest, after, max).await.unwrap();
        found.into_iter().map(|subscriber| (subscriber.customer, subscriber.since.0 - IN_2100_MS)).collect()
    };
    assert_eq!(ids(None, 3).await, [(customer(1), 10), (customer(2), 20), (customer(3), 30)]);
    assert_eq!(ids(Some(customer(3)), 3).await, [(customer(4), 40), (customer(5), 50)]);
    assert_eq!(ids(Some(customer(5)), 3).await, []);
    let other = Interest::Opening("LAMP-1".parse().unwrap());
    assert_eq!(contacts.subscribers(&other, None, 3).await.unwrap(), []);
}

fn addresses() -> Vec<Address> {
    let subscription = WebSubscription {
        endpoint: "https://push.example/1".to_owned(),
        p256dh: "AAAA".to_owned(),
        auth: "BBBB".to_owned(),
    };
    vec![Address::Email("a@example.org".to_owned()), Address::WebPush(subscription)]
}

fn somebody() -> Contact {
    Contact { locale: "de-AT".to_owned(), addresses: addresses(), muted: Vec::new() }
}

/// DynamoDB Local has a clock of its own, and lets expire what is over.
const IN_2100_MS: u64 = 4_102_444_800_000;

fn subscribers() -> impl Iterator<Item = Subscriber> {
    [4, 2, 5, 1, 3].into_iter().map(|number: u8| Subscriber {
        customer: customer(number.into()),
        since: TimeMs(IN_2100_MS + u64::from(number) * 10),
    })
}

#[tokio::test]
async fn contacts_in_memory() {
    let contacts = MemoryContacts::default();
    for number in [1, 2] {
        contacts.put(customer(number), somebody());
    }
    for subscriber in subscribers() {
        contacts.subscribe(Interest::Stock("LAMP-1".parse().unwrap()), subscriber);
    }
    keeps_contacts(&contacts).await;
}

#[tokio::test]
async fn contacts_in_tables() {
    for endpoint in [dynoxide(), shared_dynamodb().unwrap().url()] {
        let (tables, options) = tables_at(&endpoint).await;
        let contacts = TableContacts::open(&options).await.unwrap();
        for number in [1, 2] {
            contacts.put(customer(number), &somebody()).await.unwrap();
        }
        let interest = Interest::Stock("LAMP-1".parse().unwrap());
        for subscriber in subscribers() {
            contacts.subscribe(&interest, subscriber).await.unwrap();
        }
        keeps_contacts(&contacts).await;

        // Moving house does not bring back what somebody did not want; asking for it does.
        let mute = Mute { channel: ChannelKind::Email, class: Class::Offers };
        let moved = Contact { addresses: mailbox(customer(1)), ..somebody() };
        contacts.put(customer(1), &moved).await.unwrap();
        let [found] = contacts.of(&[customer(1)]).await.unwrap().try_into().unwrap();
        assert_eq!(found, Some(Contact { muted: vec![mute], ..moved.clone() }));
        contacts.unmute(customer(1), mute).await.unwrap();
        let [found] = contacts.of(&[customer(1)]).await.unwrap().try_into().unwrap();
        assert_eq!(found, Some(moved));
        contacts.unsubscribe(&interest, customer(4)).await.unwrap();
        assert_eq!(contacts.subscribers(&interest, Some(customer(3)), 9).await.unwrap().len(), 1);

        // What is no address is a matter for the dead letters.
        let item = tables.client().put_item().table_name(tables.name(Table::Contacts));
        let item = item.item("customer", AttributeValue::S(customer(7).to_string()));
        let item = item.item("part", AttributeValue::S("contact".to_owned()));
        let item = item.item("email", AttributeValue::N("7".to_owned()));
        item.item("muted", AttributeValue::Ss(vec!["by pigeon".to_owned()])).send().await.unwrap();
        let [found] = contacts.of(&[customer(7)]).await.unwrap().try_into().unwrap();
        let found = found.unwrap();
        assert!(found.address(ChannelKind::Email).unwrap().check(false).is_err());
        assert_eq!(found.muted, []);
    }
}
