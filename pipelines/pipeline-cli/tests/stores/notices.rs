//! What people had to be told by the log, against what was claimed, and against what a mail server and an outbox got.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;

use order_codec::{Codec, FileSchemas};
use order_log::Log;
use order_model::{CustomerId, Decision, TimeMs};
use order_traffic::{IdKind, id};
use pipeline_cli::decisions::for_each;
use pipeline_cli::times;
use sink_push::stand_in::SmtpServer;
use sink_push::{Address, ChannelKind, ClaimKey, Contact, NoticeKind, Planned, Slot, TableContacts, plan};
use tables::sdk::types::AttributeValue;
use tables::{Table, TableOptions, Tables};
use tokio::task::JoinSet;

/// Of so many customers one can be told.
const ONE_OF: u64 = 10;
/// Contacts written at a time.
const WRITES_MAX: usize = 32;

/// Customers who can be told, and how: all by e-mail, every third by a text message too.
pub(super) struct People(HashMap<CustomerId, Vec<ChannelKind>>);

/// A claim as it stands in the table.
struct Standing {
    state: String,
    attempts: u64,
    due: u64,
}

/// A notice that is due by the log.
struct Due {
    kind: NoticeKind,
    useful_until: TimeMs,
}

/// What was found; printed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Decisions on the log.
    pub(super) decisions: u64,
    /// Notices that are due by the log.
    pub(super) due: usize,
    /// Claims, each of another order, event or channel.
    pub(super) claimed: usize,
    /// Of them, holds of 1.5 s that were claimed while they lasted.
    pub(super) holds: usize,
    /// Not claimed, since they were pointless before they could be.
    pub(super) pointless: usize,
    /// By channel and state.
    pub(super) states: BTreeMap<(&'static str, String), usize>,
    /// E-mails whose outcome is unknown, never tried again: those that arrived.
    pub(super) unknown_arrived: usize,
    /// And those that did not.
    pub(super) unknown_lost: usize,
    /// E-mails the server took.
    pub(super) mails: u64,
    /// Of those, how many it had before.
    pub(super) mails_twice: u64,
    /// Text messages in the outbox.
    pub(super) outbox: usize,
}

impl People {
    /// Chooses them among the shoppers of a demo, and writes their contacts into the tables.
    pub(super) async fn write(options: &TableOptions, seed: u64, shoppers: u64) -> Self {
        let contacts = TableContacts::open(options).await.unwrap();
        let mut people = HashMap::new();
        let mut writes = JoinSet::new();
        for number in (0..shoppers).step_by(usize::try_from(ONE_OF).unwrap()) {
            let customer = CustomerId::from(id(IdKind::Customer, seed, number));
            let mut addresses = vec![Address::Email(format!("shopper-{number}@example.org"))];
            if number % 3 == 0 {
                addresses.push(Address::Sms(format!("+49301{number:07}")));
            }
            people.insert(customer, addresses.iter().map(Address::channel).collect());
            let contact = Contact { locale: "en".to_owned(), addresses, muted: Vec::new() };
            let contacts = contacts.clone();
            if writes.len() >= WRITES_MAX {
                writes.join_next().await.unwrap().unwrap();
            }
            writes.spawn(async move { contacts.put(customer, &contact).await.unwrap() });
        }
        while let Some(written) = writes.join_next().await {
            written.unwrap();
        }
        Self(people)
    }

    /// What has to be told by the log, under the names claims have: an order that waits again is told so once an interval.
    fn due(&self, log: &dyn Log, topic: &str) -> (u64, HashMap<ClaimKey, Due>) {
        let codec = Codec::new(std::sync::Arc::new(FileSchemas::new().unwrap())).unwrap();
        let (mut decisions, mut due, mut waits) = (0, HashMap::new(), HashSet::new());
        for_each(log, topic, &codec, |decision: &Decision| {
            decisions += 1;
            for planned in plan(decision) {
                let Some(channels) = planned.customer.and_then(|customer| self.0.get(&customer)) else {
                    continue;
                };
                let waited =
                    planned.facts.kind == NoticeKind::Waiting && !waits.insert(planned.subject.clone());
                let planned = if waited { planned.moved_on() } else { planned };
                for channel in channels {
                    let Planned { subject, event, facts, expires, .. } = planned.clone();
                    let key = ClaimKey { subject, event, slot: Slot::Channel(*channel) };
                    due.insert(key, Due { kind: facts.kind, useful_until: expires });
                }
            }
        })
        .unwrap();
        (decisions, due)
    }

    /// Compares the log, the claims, the mails and the outbox. Panics where one contradicts another. At `settled` nothing was
    /// open; what fell due since then need not have been told.
    pub(super) async fn count(
        &self,
        settled: TimeMs,
        log: &dyn Log,
        topic: &str,
        options: &TableOptions,
        server: &SmtpServer,
        outbox: &Path,
    ) -> Counted {
        let (decisions, due) = self.due(log, topic);
        let claims = claims(options).await;
        let now = times::now();
        let mails = mails(server);
        let texts: HashSet<String> =
            fs::read_dir(outbox).unwrap().filter_map(|file| text_of(&file.unwrap())).collect();
        let (all, twice) = server.counted();
        let mut counted = Counted {
            decisions,
            due: due.len(),
            claimed: claims.len(),
            mails: all,
            mails_twice: twice,
            outbox: texts.len(),
            ..Counted::default()
        };
        for key in claims.keys() {
            assert!(due.contains_key(key), "nobody had to be told: {key}");
        }
        for (key, due) in &due {
            let Some(claim) = claims.get(key) else {
                // A hold of 1.5 s is over before sinks that were killed get to it; everything else is of use for an hour.
                assert!(due.kind == NoticeKind::Held && due.useful_until <= now, "not claimed: {key}");
                counted.pointless += 1;
                continue;
            };
            counted.holds += usize::from(due.kind == NoticeKind::Held);
            let Slot::Channel(channel) = key.slot else { panic!("{key}") };
            *counted.states.entry((channel.name(), claim.state.clone())).or_default() += 1;
            let arrived = match channel {
                ChannelKind::Email => mails.get(&key.message_id()).copied().unwrap_or_default(),
                _ => u64::from(texts.contains(&key.message_id())),
            };
            let fits = match claim.state.as_str() {
                "sent" => arrived == 1,
                // E-mail alone has this rule: what may have arrived is not sent again.
                "unknown" => channel == ChannelKind::Email && arrived <= 1,
                "expired" => arrived == 0,
                // Comes at the end of its interval.
                "claimed" => {
                    arrived == 0
                        && claim.attempts == 0
                        && claim.due > settled.0
                        && due.kind == NoticeKind::Moved
                }
                _ => false,
            };
            assert!(
                fits,
                "{key}: {} after {} attempts, arrived {arrived} times",
                claim.state, claim.attempts
            );
            if claim.state == "unknown" {
                *(if arrived == 1 { &mut counted.unknown_arrived } else { &mut counted.unknown_lost }) += 1;
            }
        }
        let sent = |channel: ChannelKind| {
            counted.states.get(&(channel.name(), "sent".to_owned())).copied().unwrap_or_default()
        };
        let mails = sent(ChannelKind::Email) + counted.unknown_arrived;
        assert_eq!(usize::try_from(counted.mails).unwrap(), mails, "mails without a claim: {counted:?}");
        assert_eq!(counted.outbox, sent(ChannelKind::Sms), "texts without a claim: {counted:?}");
        assert_eq!(counted.mails_twice, 0, "{counted:?}");
        counted
    }
}

/// How often each message id reached the server.
fn mails(server: &SmtpServer) -> HashMap<String, u64> {
    let id = |header: String| header.trim_start_matches('<').split('@').next().unwrap().to_owned();
    server.taken().into_iter().map(|(header, times)| (id(header), times)).collect()
}

/// The message id in the name of a file of the outbox.
fn text_of(file: &fs::DirEntry) -> Option<String> {
    let name = file.file_name().into_string().unwrap();
    let (_, id) = name.strip_suffix(".txt")?.rsplit_once("-sms-")?;
    Some(id.to_owned())
}

/// How many claims wait for something that is due, or are being attempted.
pub(super) async fn open(now: TimeMs, options: &TableOptions) -> usize {
    let claims = claims(options).await;
    let is_open = |claim: &&Standing| {
        claim.state == "attempting" || claim.state == "claimed" && (claim.due <= now.0 || claim.attempts > 0)
    };
    claims.values().filter(is_open).count()
}

async fn claims(options: &TableOptions) -> HashMap<ClaimKey, Standing> {
    let tables = Tables::connect(options).await.unwrap();
    let mut claims = HashMap::new();
    let mut from = None;
    loop {
        let request =
            tables.client().scan().table_name(tables.name(Table::Notices)).consistent_read(true).limit(1_000);
        let page = request.set_exclusive_start_key(from).send().await.unwrap();
        claims.extend(page.items.unwrap_or_default().iter().filter_map(claim));
        from = page.last_evaluated_key.filter(|key| !key.is_empty());
        if from.is_none() {
            return claims;
        }
    }
}

/// A claim of a notice to somebody; the table holds progress, marks and events to tell many of besides.
fn claim(item: &HashMap<String, AttributeValue>) -> Option<(ClaimKey, Standing)> {
    let text = |name: &str| item.get(name)?.as_s().ok().cloned();
    let number =
        |name: &str| item.get(name).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or_default();
    let notice = text("notice")?;
    let (event, slot) = notice.rsplit_once('#')?;
    let slot = Slot::from_name(slot).filter(|slot| matches!(slot, Slot::Channel(_)))?;
    let key = ClaimKey { subject: text("order")?, event: event.to_owned(), slot };
    Some((key, Standing { state: text("state")?, attempts: number("attempts"), due: number("due") }))
}
