//! What writing and delivering have in common: addresses looked up, notices written, claims recorded and queued.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use order_model::{CustomerId, Partition, Sequence};
use sha2::{Digest, Sha256};
use sink::Fault;

use crate::Clock;
use crate::channels::Channel;
use crate::claims::{Claim, ClaimKey, ClaimState, Claims, Recorded, Slot};
use crate::contacts::{Address, ChannelKind, Contact, Contacts, Mute};
use crate::fields::Links;
use crate::limits::{SCAN_INTERVAL_MS, STORE_BATCH_MAX};
use crate::mac::{SigningKeys, hex};
use crate::notice::{Facts, Planned};
use crate::queue::{Job, Prepared, Queue};
use crate::status::Counters;
use crate::templates::Templates;
use crate::token::unsubscribe_token;

/// The shop as its notices name it.
#[derive(Clone, Debug, Default)]
pub struct Shop {
    /// Its name.
    pub name: String,
    /// The page of an order; `{order}` stands for its id.
    pub order_page: Option<String>,
    /// The page of a SKU; `{sku}` stands for it.
    pub sku_page: Option<String>,
    /// Where unsubscribe links lead, and what they are signed with; the token is put after it.
    pub unsubscribe: Option<(String, SigningKeys)>,
}

/// A channel and what waits for it.
pub(crate) struct Way {
    pub(crate) channel: Box<dyn Channel>,
    pub(crate) queue: Queue,
    pub(crate) counters: Counters,
}

/// Everything tasks share.
pub(crate) struct Office<C, K> {
    pub(crate) claims: C,
    pub(crate) contacts: K,
    pub(crate) templates: Templates,
    pub(crate) shop: Shop,
    pub(crate) clock: Clock,
    pub(crate) ways: BTreeMap<ChannelKind, Arc<Way>>,
}

/// Something to tell, and where it came from.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) partition: Partition,
    pub(crate) sequence: Sequence,
    pub(crate) planned: Planned,
}

/// A notice that cannot be sent as things stand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Unfit {
    pub(crate) partition: Partition,
    pub(crate) sequence: Sequence,
    pub(crate) reason: String,
}

impl<C: Claims, K: Contacts> Office<C, K> {
    /// Claims notices for people, one for each channel that reaches them, and queues those that are new. Answers those that
    /// nobody can send.
    pub(crate) async fn claim(&self, told: Vec<Told>) -> Result<Vec<Unfit>, Fault> {
        let now = (self.clock)();
        let told: Vec<Told> = told.into_iter().filter(|told| told.planned.expires > now).collect();
        let contacts = self.contacts_of(&told).await?;
        let mut unfit = Vec::new();
        let mut claims: BTreeMap<ClaimKey, (Claim, Option<Prepared>)> = BTreeMap::new();
        for told in &told {
            let Some(customer) = told.planned.customer else { continue };
            let Some(contact) = contacts.get(&customer) else { continue };
            for (claim, prepared) in self.notices(told, customer, contact, &mut unfit) {
                // Of two under one name the newer counts only where it may take the older's place.
                let stands = claims.get(&claim.key).is_some_and(|(standing, _)| {
                    !(claim.yields_to_newer() && standing.sequence < claim.sequence)
                });
                if !stands {
                    claims.insert(claim.key.clone(), (claim, prepared));
                }
            }
        }
        self.record(claims.into_values().collect()).await?;
        Ok(unfit)
    }

    async fn contacts_of(&self, told: &[Told]) -> Result<HashMap<CustomerId, Contact>, Fault> {
        let customers: HashSet<CustomerId> = told.iter().filter_map(|told| told.planned.customer).collect();
        let customers: Vec<CustomerId> = customers.into_iter().collect();
        let mut contacts = HashMap::with_capacity(customers.len());
        for some in customers.chunks(STORE_BATCH_MAX) {
            let found = self.contacts.of(some).await.map_err(|error| Fault::Retry(error.to_string()))?;
            let known = some.iter().zip(found).filter_map(|(customer, contact)| Some((*customer, contact?)));
            contacts.extend(known);
        }
        Ok(contacts)
    }

    /// The claims of one notice. What cannot be sent is claimed as failed, so that it can be looked up.
    fn notices(
        &self,
        told: &Told,
        customer: CustomerId,
        contact: &Contact,
        unfit: &mut Vec<Unfit>,
    ) -> Vec<(Claim, Option<Prepared>)> {
        let planned = &told.planned;
        let addresses = contact.reached_by(planned.facts.kind.class());
        let ways = addresses.filter_map(|address| Some((address, self.ways.get(&address.channel())?)));
        ways.map(|(address, way)| {
            let slot = Slot::Channel(address.channel());
            let mut claim = Claim::new(planned, told.partition, told.sequence, slot);
            let prepared = self.prepare(way, customer, contact, address, &planned.facts);
            match prepared {
                Ok(prepared) => (claim, Some(prepared)),
                Err(reason) => {
                    way.counters.failed.fetch_add(1, Ordering::Relaxed);
                    claim.state = ClaimState::Failed;
                    claim.detail.clone_from(&reason);
                    let (partition, sequence) = (told.partition, told.sequence);
                    unfit.push(Unfit { partition, sequence, reason });
                    (claim, None)
                }
            }
        })
        .collect()
    }

    fn prepare(
        &self,
        way: &Way,
        customer: CustomerId,
        contact: &Contact,
        address: &Address,
        facts: &Facts,
    ) -> Result<Prepared, String> {
        way.channel.check(address).map_err(|error| error.to_string())?;
        let links = self.links(customer, address.channel(), facts);
        let rendered =
            self.templates.render(&contact.locale, facts, &links).map_err(|error| error.to_string())?;
        Ok(Prepared { address: address.clone(), rendered })
    }

    /// Address and text of a claim that comes from the store; `Err` says why nobody is told, and how it is settled.
    pub(crate) async fn prepare_again(
        &self,
        way: &Way,
        claim: &Claim,
    ) -> Result<Result<Prepared, (ClaimState, String)>, Fault> {
        let Some(customer) = claim.customer else {
            return Ok(Err((ClaimState::Failed, "the claim names nobody".to_owned())));
        };
        let found = self.contacts.of(&[customer]).await.map_err(|error| Fault::Retry(error.to_string()))?;
        let Some(contact) = found.into_iter().next().flatten() else {
            return Ok(Err((ClaimState::Expired, "there is no contact any more".to_owned())));
        };
        let kind = way.channel.kind();
        if !contact.wants(kind, claim.facts.kind.class()) {
            return Ok(Err((ClaimState::Expired, "no longer wanted".to_owned())));
        }
        let Some(address) = contact.address(kind) else {
            return Ok(Err((ClaimState::Expired, "there is no address any more".to_owned())));
        };
        let prepared = self.prepare(way, customer, &contact, address, &claim.facts);
        Ok(prepared.map_err(|reason| (ClaimState::Failed, reason)))
    }

    /// Records claims and queues the new ones that are to be sent soon; the others are found when their time has come.
    async fn record(&self, claims: Vec<(Claim, Option<Prepared>)>) -> Result<(), Fault> {
        let soon = (self.clock)().after(SCAN_INTERVAL_MS);
        let mut claims = claims.into_iter().peekable();
        while claims.peek().is_some() {
            let (some, prepared): (Vec<Claim>, Vec<Option<Prepared>>) =
                claims.by_ref().take(STORE_BATCH_MAX).unzip();
            let recorded = self.claims.record(&some).await?;
            for ((claim, prepared), recorded) in some.into_iter().zip(prepared).zip(recorded) {
                let (Recorded::New, Slot::Channel(kind)) = (recorded, claim.key.slot) else { continue };
                let is_open = claim.state.is_open();
                if let Some(way) = self.ways.get(&kind).filter(|_| is_open && claim.due <= soon) {
                    way.queue.offer(Job { claim, prepared });
                }
            }
        }
        Ok(())
    }

    fn links(&self, customer: CustomerId, channel: ChannelKind, facts: &Facts) -> Links {
        let sku = facts.lines.first().map(|line| line.sku.as_str());
        let page = match (&facts.order, sku) {
            (Some(order), _) => self.shop.order_page.as_ref().map(|page| page.replace("{order}", order)),
            (None, Some(sku)) => self.shop.sku_page.as_ref().map(|page| page.replace("{sku}", sku)),
            (None, None) => None,
        };
        let unsubscribe = self.shop.unsubscribe.as_ref().map(|(base, keys)| {
            let mute = Mute { channel, class: facts.kind.class() };
            format!("{base}{}", unsubscribe_token(keys, customer, mute))
        });
        Links { shop: self.shop.name.clone(), page, unsubscribe }
    }
}

/// The id of a claim's message: the same for every attempt, and for no other claim.
pub(crate) fn message_id(key: &ClaimKey) -> String {
    let mut digest = Sha256::new();
    for part in [key.subject.as_str(), key.event.as_str(), key.slot.name()] {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    digest.finalize().get(..16).map(hex).unwrap_or_default()
}
