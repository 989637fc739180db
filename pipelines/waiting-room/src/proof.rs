//! The proof of a room: from the log alone, that the draw was the one committed to and that nobody was passed over.
//!
//! The room is replayed, and an auditor beside it counts by itself: lists, a sort over whole hashes, and no table of the
//! room's. Whoever has no keys can check as well; then whether a record was allowed is taken from the log's word.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use order_codec::{KeyRing, RegistryError};
use order_log::{Log, LogError, Polled, ReadLimits};
use order_model::{CustomerId, Offset, Partition, Position, TimeMs, partition_of_key};

use crate::codec::{EventError, RoomCodec};
use crate::event::{Opening, RoomEvent};
use crate::limits::{PACE_MS_MIN, PROOF_PATIENCE, READ_BYTES_MAX, READ_RECORDS_MAX, READ_WAIT};
use crate::name::RoomName;
use crate::notary::RoomCertificate;
use crate::outcome::Outcome;
use crate::room::Room;
use crate::rooms::Rooms;
use crate::seed::{commitment_to, lot_of};
use crate::standing::Standing;

/// What is wrong with a room.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Finding {
    /// A seed was taken that was not committed to.
    #[error("offset {0}: the seed is not that of the commitment")]
    SeedNotCommitted(Offset),
    /// The seed stands in the log before the opening: whoever read it there knew the draw and could still enter.
    #[error("offset {0}: the seed was told before the opening, while people could still enter for the draw")]
    SeedTooEarly(Offset),
    /// A place is not the next, or somebody has two.
    #[error("offset {offset}: {customer} was given the place {place}, the next is {next}")]
    PlaceNotNext {
        /// The entry.
        offset: Offset,
        /// Who.
        customer: CustomerId,
        /// Which place.
        place: u32,
        /// Which it should have been.
        next: u32,
    },
    /// Somebody was let in twice.
    #[error("offset {offset}: {customer} was in the room already")]
    TwoPlaces {
        /// The entry.
        offset: Offset,
        /// Who.
        customer: CustomerId,
    },
    /// A drawn place is not the one the seed gives.
    #[error("{customer} has drawn the place {place}, and stands as {standing}")]
    DrawnOtherwise {
        /// Who.
        customer: CustomerId,
        /// The place by the seed.
        place: u32,
        /// What the room says.
        standing: String,
    },
    /// Somebody was admitted before the places were drawn, or an admission went back.
    #[error("offset {0}: an admission before the draw, or back")]
    AdmittedOutOfTurn(Offset),
    /// Two admissions follow too closely.
    #[error("offset {0}: an admission less than {PACE_MS_MIN} ms after the last")]
    AdmittedTooSoon(Offset),
    /// The opening is past, people wait for the draw, and the seed was not told.
    #[error("the room is past its opening, {0} people wait for the draw, and no seed was revealed")]
    NotRevealed(u32),
}

/// What the log says of a room's last opening.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The room.
    pub room: RoomName,
    /// How often it was opened.
    pub openings: u32,
    /// The settings of the last opening.
    pub opening: Opening,
    /// Whether the seed of the commitment was revealed.
    pub is_revealed: bool,
    /// Those drawn, in order of their places.
    pub drawn: Vec<CustomerId>,
    /// Places given to those who entered later.
    pub queued: u32,
    /// How often somebody has left.
    pub left: u32,
    /// The last place admitted.
    pub admitted: u32,
    /// Events that changed nothing: repeats and refusals.
    pub without_effect: u64,
    /// The hash over all events and what they did.
    pub certificate: RoomCertificate,
    /// What is wrong; empty when all is well.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The drawn place of a customer.
    pub fn place_of(&self, customer: &CustomerId) -> Option<u32> {
        let index = self.drawn.iter().position(|drawn| drawn == customer)?;
        u32::try_from(index + 1).ok()
    }
}

/// Why a room cannot be proved.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The room was never opened, as far as the log goes back.
    #[error(
        "the log has no opening of the room {room} from offset {first} of partition {partition} on; check the name"
    )]
    NoRoom {
        /// The room.
        room: RoomName,
        /// Where it would be.
        partition: Partition,
        /// The first record that is still there.
        first: Offset,
    },
}

/// Reads a room's partition up to its end and checks the room. Blocks. Without a ring no MAC is looked at.
pub fn prove(
    log: &dyn Log,
    topic: &str,
    codec: &RoomCodec,
    ring: Option<&KeyRing>,
    room: &RoomName,
) -> Result<Report, ProofError> {
    let partition = partition_of_key(room.as_str().as_bytes(), log.partitions(topic)?);
    let bounds = log.bounds(topic, partition.0)?;
    let mut reader =
        log.reader(topic, ReadLimits { records_max: READ_RECORDS_MAX, bytes_max: READ_BYTES_MAX })?;
    reader.start(partition.0, bounds.start)?;
    let mut proof = Proof::new(room.clone());
    let mut next = bounds.start;
    let mut moved = Instant::now();
    while next < bounds.end {
        match reader.poll(READ_WAIT)? {
            Some(Polled::Batch(batch)) => {
                for record in batch.iter().filter(|record| record.offset < bounds.end) {
                    let time = TimeMs(record.time_ms);
                    let at = Position { partition, offset: Offset(record.offset), time };
                    match codec.read(&record, ring) {
                        Ok((name, event)) => proof.take(at, &name, &event),
                        Err(EventError::Registry(error)) => return Err(error.into()),
                        Err(_) => {}
                    }
                }
                (next, moved) = (batch.next_offset(), Instant::now());
            }
            Some(Polled::Passed { next_offset, .. }) => (next, moved) = (next_offset, Instant::now()),
            _ if moved.elapsed() > PROOF_PATIENCE => {
                let detail =
                    format!("{topic} partition {} brought nothing from offset {next} on", partition.0);
                return Err(LogError::Unreachable { log: log.describe(), detail }.into());
            }
            _ => {}
        }
    }
    let first = Offset(bounds.start);
    proof.report().ok_or_else(|| ProofError::NoRoom { room: room.clone(), partition, first })
}

/// Checks a room against all events of its partition, in order; `None` when it was never opened.
pub fn verify<'a>(
    room: &RoomName,
    events: impl IntoIterator<Item = &'a (Position, RoomName, RoomEvent)>,
) -> Option<Report> {
    let mut proof = Proof::new(room.clone());
    events.into_iter().for_each(|(at, name, event)| proof.take(*at, name, event));
    proof.report()
}

struct Proof {
    room: RoomName,
    rooms: Rooms,
    time: TimeMs,
    openings: u32,
    audit: Option<Audit>,
    without_effect: u64,
    findings: Vec<Finding>,
}

/// What the auditor counts of one opening.
struct Audit {
    opening: Opening,
    /// Who is in the room.
    present: BTreeSet<CustomerId>,
    /// Who was in the room at the opening.
    gathered: Option<BTreeSet<CustomerId>>,
    /// Places of those who entered after the opening.
    queued: BTreeMap<CustomerId, u32>,
    queue_len: u32,
    drawn: Vec<CustomerId>,
    is_revealed: bool,
    left: u32,
    admitted: u32,
    admitted_at: Option<TimeMs>,
}

impl Audit {
    fn new(opening: Opening) -> Self {
        Self {
            opening,
            present: BTreeSet::new(),
            gathered: None,
            queued: BTreeMap::new(),
            queue_len: 0,
            drawn: Vec::new(),
            is_revealed: false,
            left: 0,
            admitted: 0,
            admitted_at: None,
        }
    }

    fn drawn_count(&self) -> u32 {
        self.gathered.as_ref().map_or(0, |gathered| u32::try_from(gathered.len()).unwrap_or(u32::MAX))
    }

    /// Whoever is in the room when the first record of the opening's time or later comes is drawn.
    fn pass(&mut self, time: TimeMs) {
        if self.gathered.is_none() && self.opening.opens_at <= time {
            self.gathered = Some(self.present.clone());
        }
    }

    fn entered(
        &mut self,
        offset: Offset,
        customer: CustomerId,
        place: Option<u32>,
        findings: &mut Vec<Finding>,
    ) {
        if !self.present.insert(customer) {
            findings.push(Finding::TwoPlaces { offset, customer });
        }
        let next = self.gathered.is_some().then(|| self.drawn_count() + self.queue_len + 1);
        if place != next {
            let (place, next) = (place.unwrap_or(0), next.unwrap_or(0));
            findings.push(Finding::PlaceNotNext { offset, customer, place, next });
        }
        if let Some(place) = place {
            self.queue_len += 1;
            self.queued.insert(customer, place);
        }
    }

    /// The draw again, and what the room says of everybody who is still there.
    fn drawn(&mut self, offset: Offset, event: &RoomEvent, room: Option<&Room>, findings: &mut Vec<Finding>) {
        let RoomEvent::Reveal { seed, .. } = event else { return };
        if commitment_to(seed) != self.opening.commitment {
            findings.push(Finding::SeedNotCommitted(offset));
        }
        self.is_revealed = true;
        let gathered = self.gathered.iter().flatten();
        let mut lots: Vec<_> = gathered.map(|customer| (lot_of(seed, customer), *customer)).collect();
        lots.sort_unstable();
        self.drawn = lots.into_iter().map(|(_, customer)| customer).collect();
        for (place, customer) in (1..).zip(&self.drawn) {
            if !self.present.contains(customer) || self.queued.contains_key(customer) {
                continue;
            }
            let standing = room.map_or(Standing::Unknown, |room| room.standing(customer));
            let is_right = matches!(standing, Standing::Waiting { place: found, .. } if found == place);
            if !is_right {
                let (customer, standing) = (*customer, format!("{standing:?}"));
                findings.push(Finding::DrawnOtherwise { customer, place, standing });
            }
        }
    }

    fn admitted(&mut self, at: Position, up_to: u32, findings: &mut Vec<Finding>) {
        if up_to < self.admitted || (self.drawn_count() > 0 && !self.is_revealed) || self.gathered.is_none() {
            findings.push(Finding::AdmittedOutOfTurn(at.offset));
        }
        if self.admitted_at.is_some_and(|last| at.time < last.after(PACE_MS_MIN)) {
            findings.push(Finding::AdmittedTooSoon(at.offset));
        }
        self.admitted = up_to;
        self.admitted_at = Some(at.time);
    }
}

impl Proof {
    fn new(room: RoomName) -> Self {
        Self {
            room,
            rooms: Rooms::default(),
            time: TimeMs(0),
            openings: 0,
            audit: None,
            without_effect: 0,
            findings: Vec::new(),
        }
    }

    fn take(&mut self, at: Position, name: &RoomName, event: &RoomEvent) {
        self.time = self.time.max(at.time);
        let at = Position { time: self.time, ..at };
        let outcome = self.rooms.apply(at, name, event);
        if *name != self.room {
            return;
        }
        if let (RoomEvent::Open(opening), Outcome::Opened) = (event, outcome) {
            self.openings += 1;
            self.audit = Some(Audit::new(*opening));
        }
        let Some(audit) = &mut self.audit else { return };
        audit.pass(at.time);
        if let RoomEvent::Reveal { seed, .. } = event
            && audit.gathered.is_none()
            && commitment_to(seed) == audit.opening.commitment
        {
            self.findings.push(Finding::SeedTooEarly(at.offset));
        }
        let findings = &mut self.findings;
        match (outcome, event) {
            (Outcome::Entered(place), RoomEvent::Enter { customer, .. }) => {
                audit.entered(at.offset, *customer, place, findings);
            }
            (Outcome::Left, RoomEvent::Leave { customer, .. }) => {
                audit.left += 1;
                audit.present.remove(customer);
                audit.queued.remove(customer);
            }
            (Outcome::Drawn(_), _) => audit.drawn(at.offset, event, self.rooms.get(name), findings),
            (Outcome::Admitted(up_to), _) => audit.admitted(at, up_to, findings),
            (Outcome::Repeated | Outcome::Refused(_), _) => self.without_effect += 1,
            _ => {}
        }
    }

    fn report(mut self) -> Option<Report> {
        let audit = self.audit?;
        if !audit.is_revealed && audit.drawn_count() > 0 {
            self.findings.push(Finding::NotRevealed(audit.drawn_count()));
        }
        let room = self.rooms.get(&self.room)?;
        Some(Report {
            certificate: room.certificate(),
            room: self.room,
            openings: self.openings,
            opening: audit.opening,
            is_revealed: audit.is_revealed,
            drawn: audit.drawn,
            queued: audit.queue_len,
            left: audit.left,
            admitted: audit.admitted,
            without_effect: self.without_effect,
            findings: self.findings,
        })
    }
}
