//! The laws of every sink, over claims that fail when told to.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use order_model::*;
use sink::Reached;
use sink::harness::{Contents, Injected, Subject, check};
use sink_push::claims::{Recorded, Settled};
use sink_push::*;

use crate::rig::shop;

/// What the claims do: the number of an [`Injected`], or zero.
#[derive(Default)]
struct Fault {
    kind: AtomicU8,
    requests: AtomicU64,
}

#[derive(Clone, Default)]
struct FaultyClaims {
    claims: Arc<MemoryClaims>,
    fault: Arc<Fault>,
}

enum Hit {
    /// Turned away.
    Before(ClaimsError),
    /// Carried out, and the answer lost.
    After(ClaimsError),
    /// The first half is carried out.
    Half(ClaimsError),
}

impl FaultyClaims {
    fn hit(&self) -> Option<Hit> {
        let retry = |text: &str| ClaimsError::Retry(text.to_owned());
        // About every second request, in no rhythm: a write of several requests would always fail at the same one.
        let request = self.fault.requests.fetch_add(1, Ordering::Relaxed);
        let second = request.wrapping_mul(0x9e37_79b9_7f4a_7c15).count_ones() % 2 == 1;
        match self.fault.kind.load(Ordering::Relaxed) {
            1 if second => Some(Hit::Before(retry("throttled"))),
            2 if second => Some(Hit::Half(retry("some were not written"))),
            3 if second => Some(Hit::After(retry("no answer"))),
            4 => Some(Hit::Before(retry("nobody is there"))),
            6 => Some(Hit::Before(ClaimsError::Halt("the table notices is missing; create it".to_owned()))),
            _ => None,
        }
    }

    async fn through<T>(&self, work: impl Future<Output = Result<T, ClaimsError>>) -> Result<T, ClaimsError> {
        match self.hit() {
            None => work.await,
            Some(Hit::Before(error) | Hit::Half(error)) => Err(error),
            Some(Hit::After(error)) => {
                work.await?;
                Err(error)
            }
        }
    }
}

impl Claims for FaultyClaims {
    async fn record(&self, claims: &[Claim]) -> Result<Vec<Recorded>, ClaimsError> {
        match self.hit() {
            None => self.claims.record(claims).await,
            Some(Hit::Before(error)) => Err(error),
            Some(Hit::After(error)) => {
                self.claims.record(claims).await?;
                Err(error)
            }
            Some(Hit::Half(error)) => {
                self.claims.record(&claims[..claims.len() / 2]).await?;
                Err(error)
            }
        }
    }
    async fn find(&self, keys: &[ClaimKey]) -> Result<Vec<Option<Claim>>, ClaimsError> {
        self.through(self.claims.find(keys)).await
    }
    async fn of(&self, subject: &str) -> Result<Vec<Claim>, ClaimsError> {
        self.through(self.claims.of(subject)).await
    }
    async fn begin(
        &self,
        key: &ClaimKey,
        attempts: u32,
        until: TimeMs,
        token: StepToken,
    ) -> Result<Option<Claim>, ClaimsError> {
        self.through(self.claims.begin(key, attempts, until, token)).await
    }
    async fn settle(&self, key: &ClaimKey, attempts: u32, settled: Settled) -> Result<bool, ClaimsError> {
        self.through(self.claims.settle(key, attempts, settled)).await
    }
    async fn open(&self, slot: Slot, now: TimeMs, max: usize) -> Result<Vec<Claim>, ClaimsError> {
        self.claims.open(slot, now, max).await
    }
    async fn reached(&self, partition: Partition) -> Result<Reached, ClaimsError> {
        self.through(self.claims.reached(partition)).await
    }
    async fn advance(&self, progress: &[(Partition, Reached)]) -> Result<(), ClaimsError> {
        self.through(self.claims.advance(progress)).await
    }
}

/// What has to be claimed.
pub(crate) fn expected(decisions: &[Vec<Decision>]) -> Contents {
    let mut contents = BTreeMap::new();
    let mut put = |subject: &str, event: &str, slots: &[&str], facts: &Facts, replace: bool| {
        for slot in slots {
            let entry = contents.entry(format!("{subject} {event} {slot}"));
            match replace {
                true => drop(entry.insert_entry(format!("{facts:?}"))),
                false => drop(entry.or_insert_with(|| format!("{facts:?}"))),
            }
        }
    };
    for decisions in decisions {
        let mut waits = std::collections::BTreeSet::new();
        for planned in decisions.iter().flat_map(plan).filter(|planned| planned.expires > TimeMs(1)) {
            let (subject, facts) = (planned.subject.clone(), planned.facts.clone());
            let both = ["email", "sms"];
            match facts.kind {
                _ if planned.customer.is_none() => put(&subject, &planned.event, &["fan-out"], &facts, true),
                NoticeKind::Waiting if waits.insert(subject.clone()) => {
                    put(&subject, "waiting", &["email", "mark", "sms"], &facts, false);
                }
                NoticeKind::Waiting => {
                    let moved = planned.moved_on();
                    put(&subject, &moved.event, &both, &moved.facts, true);
                }
                NoticeKind::Held if waits.contains(&subject) => {
                    put(&subject, "held", &both, &planned.after_waiting().facts, false);
                }
                _ => put(&subject, &planned.event, &both, &facts, false),
            }
        }
    }
    contents
}

#[derive(Default)]
struct Push {
    storage: FaultyClaims,
}

/// A clock before every decision: all is claimed, and nothing is due.
pub(crate) fn early() -> Clock {
    Arc::new(|| TimeMs(1))
}

impl Subject for Push {
    type Target = PushSink<FaultyClaims, MemoryContacts>;

    fn name(&self) -> String {
        "push, claims in memory".to_owned()
    }

    async fn fresh(&mut self) {
        self.storage = FaultyClaims::default();
    }

    async fn open(&self) -> Self::Target {
        let fault = Arc::clone(&self.storage.fault);
        let contacts = MemoryContacts::with_otherwise(move |who| {
            let refuses = fault.kind.load(Ordering::Relaxed) == 5 && who.0[15] % 2 == 0;
            let text = if refuses { "nobody".to_owned() } else { format!("{who}@example.org") };
            let addresses = vec![Address::Email(text), Address::Sms("+4930123456".to_owned())];
            Some(Contact { locale: "de".to_owned(), addresses, muted: Vec::new() })
        });
        let outbox = Outbox::in_memory();
        PushSink::start(Parts {
            claims: self.storage.clone(),
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
        let claims = self.storage.claims.all();
        claims.into_iter().map(|claim| (claim.key.to_string(), format!("{:?}", claim.facts))).collect()
    }

    fn expected(&self, decisions: &[Vec<Decision>]) -> Option<Contents> {
        Some(expected(decisions))
    }

    fn inject(&self, fault: Option<Injected>) -> bool {
        let kind = match fault {
            None => 0,
            Some(Injected::Throttle) => 1,
            Some(Injected::Partial) => 2,
            Some(Injected::LostReply) => 3,
            Some(Injected::Outage) => 4,
            Some(Injected::Refuse) => 5,
            Some(Injected::Halt) => 6,
        };
        self.storage.fault.kind.store(kind, Ordering::Relaxed);
        true
    }
}

#[tokio::test]
async fn the_laws_of_every_sink() {
    let report = check(Push::default()).await;
    // Past the capture of the tests' output: the table is there to be read.
    writeln!(std::io::stdout(), "{report}").unwrap();
    report.assert_kept(&[]);
}
