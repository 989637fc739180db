//! Groups of readers inside one process: who reads which partition.
//!
//! Promised: a partition has at most one owner; a partition moves only after its owner gave it back or left; the
//! partitions are spread as evenly as whole numbers allow, and no more of them move than that needs. The same
//! joins, give-backs and leaves in the same order lead to the same owners.
//!
//! Not promised: anything between processes. Nobody is thrown out for silence, so nothing is ever [`Polled::Lost`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use crate::Polled;
use crate::signal::{Signal, locked};

/// All groups of one log.
#[derive(Debug)]
pub(crate) struct Groups {
    groups: Mutex<BTreeMap<Name, Group>>,
    signal: Arc<Signal>,
}

/// Topic and group.
type Name = (String, String);

impl Groups {
    pub(crate) fn new(signal: Arc<Signal>) -> Arc<Self> {
        Arc::new(Self { groups: Mutex::default(), signal })
    }

    pub(crate) fn join(self: &Arc<Self>, topic: &str, group: &str, partitions: u32) -> Membership {
        let name = (topic.to_owned(), group.to_owned());
        let member = locked(&self.groups).entry(name.clone()).or_default().join(partitions);
        self.signal.raise();
        Membership { groups: Arc::clone(self), name, member }
    }
}

/// One member's place in its group; leaves it when dropped.
#[derive(Debug)]
pub(crate) struct Membership {
    groups: Arc<Groups>,
    name: Name,
    member: u64,
}

impl Membership {
    /// What the member has to be told next.
    pub(crate) fn news(&self) -> Option<Polled> {
        self.with(|group| group.news(self.member)).flatten()
    }

    /// Whether the member was told that `partition` is its own, and not that it has to be given back.
    pub(crate) fn holds(&self, partition: u32) -> bool {
        self.with(|group| group.is(partition, self.member, &[State::Held, State::Recalled])).unwrap_or(false)
    }

    /// Gives `partition` back, if the member was told to.
    pub(crate) fn give_back(&self, partition: u32) {
        if self.with(|group| group.give_back(self.member, partition)) == Some(true) {
            self.groups.signal.raise();
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Group) -> T) -> Option<T> {
        locked(&self.groups.groups).get_mut(&self.name).map(act)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut groups = locked(&self.groups.groups);
        if groups.get_mut(&self.name).is_some_and(|group| group.leave(self.member)) {
            groups.remove(&self.name);
        }
        drop(groups);
        self.groups.signal.raise();
    }
}

#[derive(Debug, Default)]
struct Group {
    next_member: u64,
    members: BTreeSet<u64>,
    owners: BTreeMap<u32, Option<Owner>>,
}

#[derive(Clone, Copy, Debug)]
struct Owner {
    member: u64,
    state: State,
}

/// How far a partition is on its way to or from a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Given, but the member was not told yet.
    Granted,
    /// The member was told that it is its own.
    Held,
    /// To be taken back, but the member was not told yet.
    Recalled,
    /// The member was told to give it back.
    Returning,
}

impl Group {
    fn join(&mut self, partitions: u32) -> u64 {
        for partition in 0..partitions {
            self.owners.entry(partition).or_default();
        }
        self.next_member += 1;
        self.members.insert(self.next_member);
        self.rebalance();
        self.next_member
    }

    /// Whether the group is empty now.
    fn leave(&mut self, member: u64) -> bool {
        self.members.remove(&member);
        for owner in
            self.owners.values_mut().filter(|owner| owner.is_some_and(|owner| owner.member == member))
        {
            *owner = None;
        }
        self.rebalance();
        self.members.is_empty()
    }

    /// Whether there was something to give back.
    fn give_back(&mut self, member: u64, partition: u32) -> bool {
        let returns = self.is(partition, member, &[State::Returning]);
        if returns {
            self.owners.insert(partition, None);
            self.rebalance();
        }
        returns
    }

    fn news(&mut self, member: u64) -> Option<Polled> {
        let revoked = self.advance(member, State::Recalled, State::Returning);
        if !revoked.is_empty() {
            return Some(Polled::Revoked(revoked));
        }
        let assigned = self.advance(member, State::Granted, State::Held);
        (!assigned.is_empty()).then_some(Polled::Assigned(assigned))
    }

    /// Moves all of a member's partitions from one state to another, and says which.
    fn advance(&mut self, member: u64, from: State, to: State) -> Vec<u32> {
        let partitions = self.of(member, &[from]);
        self.set(&partitions, Some(Owner { member, state: to }));
        partitions
    }

    fn is(&self, partition: u32, member: u64, states: &[State]) -> bool {
        let owner = self.owners.get(&partition).copied().flatten();
        owner.is_some_and(|owner| owner.member == member && states.contains(&owner.state))
    }

    /// A member's partitions in one of `states`, ascending.
    fn of(&self, member: u64, states: &[State]) -> Vec<u32> {
        self.owners.keys().copied().filter(|partition| self.is(*partition, member, states)).collect()
    }

    fn set(&mut self, partitions: &[u32], owner: Option<Owner>) {
        self.owners.extend(partitions.iter().map(|partition| (*partition, owner)));
    }

    fn rebalance(&mut self) {
        for (member, quota) in self.quotas() {
            self.shrink(member, quota);
        }
        // Only now is everything free that can be free at once.
        for (member, quota) in self.quotas() {
            self.grow(member, quota);
        }
    }

    /// How many partitions each member is to have. Who has most gets the odd ones, so that least moves.
    fn quotas(&self) -> Vec<(u64, usize)> {
        let mut members: Vec<u64> = self.members.iter().copied().collect();
        members.sort_by_key(|member| (Reverse(self.kept(*member)), *member));
        let each = self.owners.len().checked_div(members.len()).unwrap_or(0);
        let odd = self.owners.len().checked_rem(members.len()).unwrap_or(0);
        let quota = |place: usize| each + usize::from(place < odd);
        members.into_iter().enumerate().map(|(place, member)| (member, quota(place))).collect()
    }

    fn kept(&self, member: u64) -> usize {
        self.of(member, &[State::Granted, State::Held]).len()
    }

    fn shrink(&mut self, member: u64, quota: usize) {
        let surplus = self.kept(member).saturating_sub(quota);
        // What the member does not know of yet can go without asking.
        let untold = self.of(member, &[State::Granted]);
        let (_, free) = untold.split_at(untold.len().saturating_sub(surplus));
        self.set(free, None);
        let held = self.of(member, &[State::Held]);
        let surplus = self.kept(member).saturating_sub(quota);
        let (_, recalled) = held.split_at(held.len().saturating_sub(surplus));
        self.set(recalled, Some(Owner { member, state: State::Recalled }));
    }

    fn grow(&mut self, member: u64, quota: usize) {
        let missing = quota.saturating_sub(self.kept(member));
        let mut recalled = self.of(member, &[State::Recalled]);
        recalled.truncate(missing);
        self.set(&recalled, Some(Owner { member, state: State::Held }));
        let missing = quota.saturating_sub(self.kept(member));
        let is_free = |entry: (&u32, &Option<Owner>)| entry.1.is_none().then_some(*entry.0);
        let free: Vec<u32> = self.owners.iter().filter_map(is_free).take(missing).collect();
        self.set(&free, Some(Owner { member, state: State::Granted }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(group: &mut Group, member: u64) -> String {
        match group.news(member) {
            Some(Polled::Assigned(partitions)) => format!("+{partitions:?}"),
            Some(Polled::Revoked(partitions)) => format!("-{partitions:?}"),
            _ => String::new(),
        }
    }

    #[test]
    fn a_partition_moves_only_when_given_back() {
        let mut group = Group::default();
        let first = group.join(4);
        assert_eq!(told(&mut group, first), "+[0, 1, 2, 3]");
        let second = group.join(4);
        assert_eq!(told(&mut group, second), "", "nothing is free yet");
        assert!(!group.give_back(first, 3), "not told yet, so nothing to give back");
        assert_eq!(told(&mut group, first), "-[2, 3]");
        assert!(group.give_back(first, 3));
        assert_eq!(told(&mut group, second), "+[3]");
        assert!(!group.leave(first));
        assert_eq!(told(&mut group, second), "+[0, 1, 2]");
        assert!(group.leave(second), "the last one out");
    }

    #[test]
    fn a_member_that_joins_and_leaves_unseen_disturbs_nobody() {
        let mut group = Group::default();
        let first = group.join(3);
        assert_eq!(told(&mut group, first), "+[0, 1, 2]");
        let second = group.join(3);
        group.leave(second);
        assert_eq!(told(&mut group, first), "");
        assert!(group.is(2, first, &[State::Held]));
    }

    #[test]
    fn shares_are_even_and_more_members_than_partitions_wait() {
        let mut group = Group::default();
        let members: Vec<u64> = (0..5).map(|_| group.join(3)).collect();
        let shares: Vec<String> = members.iter().map(|member| told(&mut group, *member)).collect();
        assert_eq!(shares, ["+[0]", "+[2]", "+[1]", "", ""]);
        group.leave(members[1]);
        assert_eq!(told(&mut group, members[3]), "+[2]");
    }
}
