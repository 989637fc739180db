//! The checks at the end: an auditor, a replay, and the log record by record.

use std::collections::BTreeMap;

use order_audit::Auditor;
use order_codec::{DeadLetter, MAC_HEADER, RawRecord, Unreadable, read_command};
use order_core::{Effects, Ledger, Shape};
use order_log::{Headers, MemoryRecord};
use order_model::{Command, Decision, Offset, Partition, Position, Relay, RelayNumber, TimeMs};

use crate::claim::Claim;
use crate::finish::Ended;
use crate::outcome::SimFailure;
use crate::world::World;

/// A record of `orders` as it reads.
struct Read {
    at: Position,
    command: Option<Command>,
}

/// What the log holds of one partition, each number once, with the offset at which it first stood.
struct Found {
    orders: Vec<Read>,
    decisions: Vec<(u64, Decision, Vec<u8>)>,
    dead_letters: BTreeMap<u64, u64>,
}

/// What a replay says of one partition: the effects of each record, in order.
struct Replayed {
    /// Of each decision, by number: the offset of its record.
    caused_by: Vec<u64>,
    /// The offset of its record, the receiver, and the relay.
    relays: Vec<(u64, Partition, Relay)>,
}

/// Where each relay first stands in the receiver's partition: by sender, receiver and number.
type RelayPlaces = BTreeMap<(Partition, Partition, RelayNumber), (u64, Relay)>;

/// See the module.
pub(crate) fn check(world: &mut World, ended: &Ended) -> Result<(), SimFailure> {
    let mut found = Vec::new();
    for partition in 0..world.partitions {
        found.push(read_partition(world, partition)?);
    }
    let mut replayed = Vec::new();
    for ((partition, found), certificate) in (0..).zip(&found).zip(&ended.certificates) {
        let (replay, certificate_of_replay) = replay(world, partition, found)?;
        if certificate_of_replay != *certificate {
            let detail = format!("the certificate of partition {partition} is not the last worker's");
            return Err(SimFailure::Replay(detail));
        }
        replayed.push(replay);
    }
    let places = relay_places(world, &found)?;
    check_relays(&replayed, &places)?;
    for claim in &world.claims {
        check_claim(claim, &found, &replayed, &places)?;
    }
    audit(world, &found)
}

fn read_partition(world: &mut World, partition: u32) -> Result<Found, SimFailure> {
    let topics = world.topics.clone();
    let records = world.records(&topics.orders, partition)?;
    let mut orders = Vec::with_capacity(records.len());
    let mut letters = BTreeMap::new();
    for record in &records {
        let at = Position {
            partition: Partition(partition),
            offset: Offset(record.offset),
            time: TimeMs(record.time_ms),
        };
        let command = match read(world, partition, record) {
            Ok(command) => Some(command),
            Err(Unreadable::Bad(reason, _)) => {
                letters.insert(record.offset, reason);
                None
            }
            Err(Unreadable::Retry(error)) => return Err(SimFailure::Simulator(error.to_string())),
        };
        orders.push(Read { at, command });
    }
    world.numbers.records += count(records.len());
    let decisions = read_decisions(world, partition)?;
    let dead_letters = read_dead_letters(world, partition, &records)?;
    if let Some(missing) = letters.keys().find(|offset| !dead_letters.contains_key(offset)) {
        let detail = format!("record {missing} of partition {partition} cannot be read and has none");
        return Err(SimFailure::DeadLetters(detail));
    }
    if let Some(wrong) = dead_letters.keys().find(|offset| !letters.contains_key(offset)) {
        let detail = format!("record {wrong} of partition {partition} can be read and has one");
        return Err(SimFailure::DeadLetters(detail));
    }
    Ok(Found { orders, decisions, dead_letters })
}

fn read(world: &World, partition: u32, record: &MemoryRecord) -> Result<Command, Unreadable> {
    let mac = Headers::from_encoded(&record.headers).get(MAC_HEADER);
    let (key, value) = (record.key.as_deref(), record.value.as_deref());
    let time = TimeMs(record.time_ms);
    let raw = RawRecord { partition: Partition(partition), time, key, value, mac };
    read_command(&world.codec, &world.ring, &raw)
}

/// Equal numbers have equal bytes, and no number stands before a smaller one that is missing.
fn read_decisions(world: &mut World, partition: u32) -> Result<Vec<(u64, Decision, Vec<u8>)>, SimFailure> {
    let topic = world.topics.decisions.clone();
    let mut decisions: Vec<(u64, Decision, Vec<u8>)> = Vec::new();
    for record in world.records(&topic, partition)? {
        let value = record.value.unwrap_or_default();
        let place = format!("{partition}/{}", record.offset);
        let decision = world
            .codec
            .decision_from(&value)
            .map_err(|error| SimFailure::Decisions(format!("{place} cannot be read: {error}")))?;
        let number = usize::try_from(decision.sequence.0).unwrap_or(usize::MAX);
        if number == decisions.len() + 1 {
            decisions.push((record.offset, decision, value));
            continue;
        }
        match number.checked_sub(1).and_then(|index| decisions.get(index)) {
            None => {
                let detail =
                    format!("{place} has number {number}, the numbers so far end at {}", decisions.len());
                return Err(SimFailure::Decisions(detail));
            }
            Some((first, _, bytes)) if *bytes != value => {
                let detail = format!("{place} has number {number} as record {first} has, and says otherwise");
                return Err(SimFailure::Decisions(detail));
            }
            Some(_) => world.numbers.repeated_decisions += 1,
        }
    }
    world.numbers.decisions += count(decisions.len());
    Ok(decisions)
}

/// By offset of the bad record: where its dead letter first stands.
fn read_dead_letters(
    world: &mut World,
    partition: u32,
    orders: &[MemoryRecord],
) -> Result<BTreeMap<u64, u64>, SimFailure> {
    let topic = world.topics.dead_letters.clone();
    let mut letters: BTreeMap<u64, (u64, Vec<u8>)> = BTreeMap::new();
    for record in world.records(&topic, partition)? {
        let value = record.value.unwrap_or_default();
        let place = format!("{partition}/{}", record.offset);
        let letter = world
            .codec
            .dead_letter_from(&value)
            .map_err(|error| SimFailure::DeadLetters(format!("{place} cannot be read: {error}")))?;
        match letters.get(&letter.offset) {
            Some((first, bytes)) if *bytes != value => {
                let detail = format!("{place} and {first} are of the same record and differ");
                return Err(SimFailure::DeadLetters(detail));
            }
            Some(_) => world.numbers.repeated_dead_letters += 1,
            None => {
                let index = usize::try_from(letter.offset).unwrap_or(usize::MAX);
                if letter.partition != partition || !orders.get(index).is_some_and(|of| is_of(&letter, of)) {
                    let detail = format!("{place} does not hold the record it names");
                    return Err(SimFailure::DeadLetters(detail));
                }
                letters.insert(letter.offset, (record.offset, value));
            }
        }
    }
    world.numbers.dead_letters += count(letters.len());
    Ok(letters.into_iter().map(|(offset, (first, _))| (offset, first)).collect())
}

fn is_of(letter: &DeadLetter, record: &MemoryRecord) -> bool {
    (letter.time.0, &letter.key, &letter.value, &letter.headers)
        == (record.time_ms, &record.key, &record.value, &record.headers)
}

/// Decides the raw records again, without any dataflow, and compares with the decisions in the log.
fn replay(
    world: &World,
    partition: u32,
    found: &Found,
) -> Result<(Replayed, order_core::Certificate), SimFailure> {
    let mut ledger = Ledger::new(Shape::of(Partition(partition), world.partitions));
    let mut effects = Effects::default();
    let mut replayed = Replayed { caused_by: Vec::new(), relays: Vec::new() };
    let mut value = Vec::new();
    for Read { at, command } in &found.orders {
        match command {
            Some(command) => {
                ledger.apply(*at, command, &mut effects);
            }
            None => ledger.skip(*at, &mut effects),
        }
        for decision in effects.decisions.drain(..) {
            value.clear();
            world.codec.decision_to(&decision, &mut value);
            let number = decision.sequence;
            match found.decisions.get(replayed.caused_by.len()) {
                Some((_, _, bytes)) if *bytes == value => replayed.caused_by.push(at.offset.0),
                Some(_) => return Err(contradiction(partition, &format!("{number} is another"))),
                None => return Err(contradiction(partition, &format!("{number} is not in the log"))),
            }
        }
        let sent = effects.relays.drain(..).map(|(to, relay)| (at.offset.0, to, relay));
        replayed.relays.extend(sent);
    }
    if replayed.caused_by.len() < found.decisions.len() {
        return Err(contradiction(partition, "the log has more"));
    }
    if ledger.counts().relay_gaps > 0 {
        let detail = format!("the replay of partition {partition} met one before its predecessor");
        return Err(SimFailure::Relays(detail));
    }
    let certificate = ledger.certificate();
    Ok((replayed, certificate))
}

fn contradiction(partition: u32, detail: &str) -> SimFailure {
    SimFailure::Replay(format!("decisions of partition {partition}: {detail}"))
}

fn relay_places(world: &mut World, found: &[Found]) -> Result<RelayPlaces, SimFailure> {
    let mut places = RelayPlaces::new();
    for read in found.iter().flat_map(|found| &found.orders) {
        let Some(Command::Relay(relay)) = &read.command else { continue };
        let place = (relay.from, read.at.partition, relay.number);
        match places.get(&place) {
            Some((_, first)) if first != relay => {
                return Err(SimFailure::Relays(format!("{place:?} is in the log in two versions")));
            }
            Some(_) => world.numbers.repeated_relays += 1,
            None => {
                places.insert(place, (read.at.offset.0, relay.clone()));
            }
        }
    }
    world.numbers.relays += count(places.len());
    Ok(places)
}

/// The relays in the log are those the replay sends.
fn check_relays(replayed: &[Replayed], places: &RelayPlaces) -> Result<(), SimFailure> {
    let mut sent = 0;
    for (_, to, relay) in replayed.iter().flat_map(|replay| &replay.relays) {
        sent += 1;
        match places.get(&(relay.from, *to, relay.number)) {
            Some((_, found)) if found == relay => {}
            Some(_) => return Err(SimFailure::Relays(format!("to {to}: {relay:?} says otherwise"))),
            None => return Err(SimFailure::Relays(format!("to {to}: {relay:?} is missing"))),
        }
    }
    if places.len() > sent {
        let detail = format!("the log has {}, the replay sends {sent}", places.len());
        return Err(SimFailure::Relays(detail));
    }
    Ok(())
}

/// What was called durable was in the log by then.
fn check_claim(
    claim: &Claim,
    found: &[Found],
    replayed: &[Replayed],
    places: &RelayPlaces,
) -> Result<(), SimFailure> {
    let index = usize::try_from(claim.partition).unwrap_or(usize::MAX);
    let (Some(found), Some(replay)) = (found.get(index), replayed.get(index)) else { return Ok(()) };
    let early = |what: String| {
        let Claim { process, partition, offset, .. } = claim;
        SimFailure::Durability(format!(
            "worker {process} called partition {partition} durable to {offset} before {what} was in the log"
        ))
    };
    let decided = replay.caused_by.partition_point(|offset| *offset < claim.offset);
    if let Some((place, decision, _)) = decided.checked_sub(1).and_then(|last| found.decisions.get(last))
        && *place >= claim.decisions_end
    {
        return Err(early(format!("decision {}", decision.sequence)));
    }
    for (_, to, relay) in replay.relays.iter().take_while(|(offset, ..)| *offset < claim.offset) {
        let end = usize::try_from(to.0).ok().and_then(|to| claim.orders_ends.get(to));
        let place = places.get(&(relay.from, *to, relay.number)).map(|(place, _)| place);
        if place >= end {
            return Err(early(format!("relay {} to {to}", relay.number)));
        }
    }
    for (record, place) in found.dead_letters.range(..claim.offset) {
        if *place >= claim.dead_letters_end {
            return Err(early(format!("the dead letter of record {record}")));
        }
    }
    Ok(())
}

/// Shows all to the auditor: records and decisions of each partition in turn, as they lie in the log.
fn audit(world: &mut World, found: &[Found]) -> Result<(), SimFailure> {
    let mut auditor = Auditor::new(world.partitions);
    for found in found {
        let mut decisions = found.decisions.iter().map(|(_, decision, _)| decision).peekable();
        for Read { at, command } in &found.orders {
            auditor.command(*at, command.as_ref());
            while let Some(decision) = decisions.next_if(|decision| decision.offset <= at.offset) {
                auditor.decision(decision);
            }
        }
    }
    let report = auditor.finish();
    if !report.holds() {
        return Err(SimFailure::Audit(report.to_string()));
    }
    world.numbers.drawn += report.numbers.entered;
    if report.numbers.under_way > 0 {
        return Err(SimFailure::Audit(format!("{} relays never arrived", report.numbers.under_way)));
    }
    Ok(())
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
