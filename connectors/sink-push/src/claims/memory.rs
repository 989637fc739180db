//! Claims in memory: for tests and benches, and for whoever may forget with the process.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use order_model::{Partition, TimeMs};
use sink::Reached;

use super::{Claim, ClaimKey, ClaimState, Claims, ClaimsError, Recorded, Settled, Slot, StepToken};
use crate::limits::MEMORY_CLAIMS_MAX;

/// Claims in memory. Keeps at most [`MEMORY_CLAIMS_MAX`] settled claims: then the oldest are forgotten.
#[derive(Debug, Default)]
pub struct MemoryClaims {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    claims: BTreeMap<ClaimKey, Claim>,
    open: BTreeSet<(Slot, TimeMs, ClaimKey)>,
    /// Whose the attempts under way are.
    steps: HashMap<ClaimKey, StepToken>,
    settled: VecDeque<ClaimKey>,
    reached: HashMap<Partition, Reached>,
}

impl MemoryClaims {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every claim, in the order of the keys.
    pub fn all(&self) -> Vec<Claim> {
        self.held().claims.values().cloned().collect()
    }

    /// How many claims stand in each state.
    pub fn count(&self, state: ClaimState) -> usize {
        self.held().claims.values().filter(|claim| claim.state == state).count()
    }
}

impl Held {
    fn put(&mut self, claim: Claim) {
        if let Some(old) = self.claims.get(&claim.key) {
            self.open.remove(&(old.key.slot, old.due, old.key.clone()));
        }
        if claim.state.is_open() {
            self.open.insert((claim.key.slot, claim.due, claim.key.clone()));
        } else {
            self.settled.push_back(claim.key.clone());
        }
        self.claims.insert(claim.key.clone(), claim);
        while self.settled.len() > MEMORY_CLAIMS_MAX {
            let Some(oldest) = self.settled.pop_front() else { break };
            self.claims.remove(&oldest);
        }
    }

    fn record(&mut self, claim: &Claim) -> Recorded {
        if let Some(standing) = self.claims.get(&claim.key) {
            let yields = claim.yields_to_newer()
                && standing.state == ClaimState::Claimed
                && standing.attempts == 0
                && standing.sequence < claim.sequence;
            if !yields {
                return Recorded::Standing(standing.sequence);
            }
        }
        self.put(claim.clone());
        Recorded::New
    }

    /// The claim under this key, if it is open and nobody has taken a step since.
    fn step(&self, key: &ClaimKey, attempts: u32) -> Option<Claim> {
        let claim = self.claims.get(key)?;
        (claim.state.is_open() && claim.attempts == attempts).then(|| claim.clone())
    }
}

impl Claims for MemoryClaims {
    async fn record(&self, claims: &[Claim]) -> Result<Vec<Recorded>, ClaimsError> {
        let mut held = self.held();
        Ok(claims.iter().map(|claim| held.record(claim)).collect())
    }

    async fn find(&self, keys: &[ClaimKey]) -> Result<Vec<Option<Claim>>, ClaimsError> {
        let held = self.held();
        Ok(keys.iter().map(|key| held.claims.get(key).cloned()).collect())
    }

    async fn of(&self, subject: &str) -> Result<Vec<Claim>, ClaimsError> {
        let first = ClaimKey { subject: subject.to_owned(), event: String::new(), slot: Slot::Mark };
        let held = self.held();
        let claims = held.claims.range(first..).map(|(_, claim)| claim);
        Ok(claims.take_while(|claim| claim.key.subject == subject).cloned().collect())
    }

    async fn begin(
        &self,
        key: &ClaimKey,
        attempts: u32,
        until: TimeMs,
        token: StepToken,
    ) -> Result<Option<Claim>, ClaimsError> {
        let mut held = self.held();
        if held.steps.get(key) == Some(&token) {
            return Ok(held.claims.get(key).cloned());
        }
        let begun = held.step(key, attempts).map(|claim| Claim {
            state: ClaimState::Attempting,
            attempts: attempts + 1,
            due: until,
            ..claim
        });
        if let Some(claim) = &begun {
            held.put(claim.clone());
            held.steps.insert(key.clone(), token);
        }
        Ok(begun)
    }

    async fn settle(&self, key: &ClaimKey, attempts: u32, settled: Settled) -> Result<bool, ClaimsError> {
        let mut held = self.held();
        let Some(claim) = held.step(key, attempts) else { return Ok(false) };
        let Settled { state, due, detail } = settled;
        held.put(Claim { state, due, detail, ..claim });
        held.steps.remove(key);
        Ok(true)
    }

    async fn open(&self, slot: Slot, now: TimeMs, max: usize) -> Result<Vec<Claim>, ClaimsError> {
        let held = self.held();
        let first = ClaimKey { subject: String::new(), event: String::new(), slot: Slot::Mark };
        let due = held.open.range((slot, TimeMs(0), first)..);
        let due = due.take_while(|(of, due, _)| *of == slot && *due <= now);
        Ok(due.take(max).filter_map(|(_, _, key)| held.claims.get(key).cloned()).collect())
    }

    async fn reached(&self, partition: Partition) -> Result<Reached, ClaimsError> {
        Ok(self.held().reached.get(&partition).copied().unwrap_or_default())
    }

    async fn advance(&self, progress: &[(Partition, Reached)]) -> Result<(), ClaimsError> {
        let mut held = self.held();
        for (partition, reached) in progress {
            let standing = held.reached.entry(*partition).or_default();
            *standing = (*standing).max(*reached);
        }
        Ok(())
    }
}
