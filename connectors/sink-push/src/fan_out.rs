//! Sales that open and stock that is back: one claim for the event, then one for each who asked and each channel.
//!
//! It may be broken off and begun again anywhere: whoever has a claim already gets no second one.

use std::sync::Arc;
use std::time::Duration;

use order_model::Sku;
use sink::Fault;
use tokio::time::sleep;

use crate::claims::{Claim, ClaimState, Claims, Settled, Slot, StepToken};
use crate::contacts::{Contacts, Interest};
use crate::limits::{ABANDONED_AFTER_MS, OPEN_PAGE_CLAIMS_MAX, SUBSCRIBERS_PAGE_MAX};
use crate::notice::{NoticeKind, Planned};
use crate::office::{Office, Told};
use crate::stop::Stop;

/// How often events are looked for, in milliseconds.
const LOOK_MS: u64 = 500;
/// After so long without an end a round counts as broken off, in milliseconds.
const ROUND_MS_MAX: u64 = 600_000;

/// Works off events until told to stop.
pub(crate) async fn run<C: Claims, K: Contacts>(office: Arc<Office<C, K>>, stop: Stop) {
    while !stop.is_set() {
        if let Err(fault) = look(&office, &stop).await {
            tracing::warn!("sale openings and stock that is back: {fault}; tried again");
        }
        sleep(Duration::from_millis(LOOK_MS)).await;
    }
}

async fn look<C: Claims, K: Contacts>(office: &Office<C, K>, stop: &Stop) -> Result<(), Fault> {
    let events = office.claims.open(Slot::FanOut, (office.clock)(), OPEN_PAGE_CLAIMS_MAX).await?;
    for event in events {
        if stop.is_set() {
            break;
        }
        let until = (office.clock)().after(ROUND_MS_MAX + ABANDONED_AFTER_MS);
        let Some(claim) = office.claims.begin(&event.key, event.attempts, until, StepToken::new()).await?
        else {
            continue;
        };
        let settled = match tell(office, &claim).await {
            Ok((state, detail)) => Settled { state, due: claim.due, detail },
            Err(fault) => {
                // Given back at once, to be begun again at the next look.
                Settled { state: ClaimState::Claimed, due: (office.clock)(), detail: fault.to_string() }
            }
        };
        office.claims.settle(&claim.key, claim.attempts, settled).await?;
    }
    Ok(())
}

/// Tells all who asked. The facts name the SKU; what is not one was not written by us.
async fn tell<C: Claims, K: Contacts>(
    office: &Office<C, K>,
    claim: &Claim,
) -> Result<(ClaimState, String), Fault> {
    if claim.expires <= (office.clock)() {
        return Ok((ClaimState::Expired, "pointless before it was due, or closed".to_owned()));
    }
    let Some(sku) = claim.facts.lines.first().and_then(|line| line.sku.parse::<Sku>().ok()) else {
        return Ok((ClaimState::Failed, "the event names no SKU".to_owned()));
    };
    let interest = match claim.facts.kind {
        NoticeKind::SaleOpens => Interest::Opening(sku),
        _ => Interest::Stock(sku),
    };
    let planned = Planned {
        subject: claim.key.subject.clone(),
        event: claim.key.event.clone(),
        customer: None,
        facts: claim.facts.clone(),
        due: (office.clock)(),
        expires: claim.expires,
    };
    let (mut after, mut told, mut unfit) = (None, 0, 0);
    loop {
        let some = office
            .contacts
            .subscribers(&interest, after, SUBSCRIBERS_PAGE_MAX)
            .await
            .map_err(|error| Fault::Retry(error.to_string()))?;
        let Some(last) = some.last() else { break };
        after = Some(last.customer);
        told += some.len();
        let notices = some.iter().map(|subscriber| Told {
            partition: claim.partition,
            sequence: claim.sequence,
            planned: planned.for_subscriber(subscriber.customer, subscriber.since),
        });
        unfit += office.claim(notices.collect()).await?.len();
    }
    Ok((ClaimState::Sent, format!("{told} subscribers, {unfit} of them with an address that is none")))
}
