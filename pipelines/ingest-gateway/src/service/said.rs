//! What commands said that were named by an Idempotency-Key, and written here lately.

use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use order_model::CommandId;

use super::recent::Print;
use super::refusal::Refusal;

#[derive(Default)]
struct Entries {
    by_id: HashMap<CommandId, Print>,
    by_age: VecDeque<CommandId>,
}

/// Bounded: the oldest are forgotten, and of those the ledger says only that they were repeated.
pub(super) struct Said {
    entries: Mutex<Entries>,
    commands_max: usize,
}

impl Said {
    pub(super) fn new(commands_max: usize) -> Self {
        Self { entries: Mutex::default(), commands_max }
    }

    /// Notes what a command says. One that said something else under the same id is in the log, or may be.
    pub(super) fn note(&self, id: CommandId, content: &impl Debug) -> Result<(), Refusal> {
        let print = *blake3::hash(format!("{content:?}").as_bytes()).as_bytes();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = entries.by_id.get(&id) {
            return if *before == print { Ok(()) } else { Err(Refusal::KeyReused) };
        }
        entries.by_id.insert(id, print);
        entries.by_age.push_back(id);
        while entries.by_age.len() > self.commands_max.max(1) {
            let Some(oldest) = entries.by_age.pop_front() else { break };
            entries.by_id.remove(&oldest);
        }
        Ok(())
    }
}
