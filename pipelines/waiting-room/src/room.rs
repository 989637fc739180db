//! The room: a deterministic state machine over the events of one room, through all its openings.

use order_model::{CommandId, CustomerId, Position, TimeMs};

use crate::event::{EntryId, Opening, RoomEvent};
use crate::hall::Hall;
use crate::limits::OPENINGS_MAX;
use crate::name::RoomName;
use crate::notary::{Notary, RoomCertificate};
use crate::outcome::{Outcome, Refusal};
use crate::places::Ordered;
use crate::plan::check;
use crate::rate::Eta;
use crate::standing::{Outlook, Standing, Summary};

/// One waiting room, through all its openings.
pub struct Room {
    name: RoomName,
    /// Openings there were, the last one included.
    openings: Vec<CommandId>,
    hall: Option<Hall>,
    time: TimeMs,
    notary: Notary,
}

impl Room {
    /// A room nobody has opened.
    pub fn new(name: RoomName) -> Self {
        let notary = Notary::new(name.as_str());
        Self { name, openings: Vec::new(), hall: None, time: TimeMs(0), notary }
    }

    /// Applies one event. Offsets must rise; times may run backwards, the room's own time does not.
    pub fn apply(&mut self, at: Position, event: &RoomEvent) -> Outcome {
        self.time = self.time.max(at.time);
        self.keep_time();
        let outcome = self.decide(at, event).unwrap_or_else(Outcome::Refused);
        self.notary.note(&at, outcome);
        outcome
    }

    /// The room's name.
    pub fn name(&self) -> &RoomName {
        &self.name
    }

    /// How many customers the room has promised to take; zero when it is closed.
    pub fn promised(&self) -> u32 {
        self.hall.as_ref().map_or(0, |hall| hall.opening().people_max)
    }

    /// Whether there was an opening of this id.
    pub(crate) fn has_opened(&self, opening: CommandId) -> bool {
        self.openings.contains(&opening)
    }

    /// The hash over all events and what they did.
    pub fn certificate(&self) -> RoomCertificate {
        self.notary.certificate()
    }

    /// The room's figures; `None` when it is not open.
    pub fn summary(&self) -> Option<Summary> {
        self.hall.as_ref().map(|hall| hall.summary(&self.name, self.time))
    }

    /// Where a customer stands. Costs a look into a table and the logarithm of the places.
    pub fn standing(&self, customer: &CustomerId) -> Standing {
        self.hall.as_ref().map_or(Standing::Unknown, |hall| hall.standing(customer))
    }

    /// The entry by which a customer is in the room.
    pub fn entry_of(&self, customer: &CustomerId) -> Option<EntryId> {
        self.hall.as_ref()?.entry_of(customer)
    }

    /// How long somebody with so many people ahead will wait; `None` while too little is known.
    pub fn eta(&self, ahead: u32) -> Option<Eta> {
        self.hall.as_ref()?.eta(ahead)
    }

    /// The place to admit up to, so that so many more people are admitted; those who have left are skipped.
    pub fn place_after(&self, people: u32) -> u32 {
        self.hall.as_ref().map_or(0, |hall| hall.place_after(people))
    }

    /// Bytes the room holds, without what the allocator adds.
    pub fn bytes(&self) -> usize {
        self.hall.as_ref().map_or(0, |hall| hall.bytes())
    }

    /// What is to be expected at `now` of those admitted in the last `think_ms`, given who has ordered; `None` when the room
    /// is closed.
    pub fn outlook(&self, now: TimeMs, think_ms: u64, ordered: &Ordered) -> Option<Outlook> {
        self.hall.as_ref().map(|hall| hall.outlook(now, think_ms, ordered))
    }

    /// Lets happen what comes with time alone: the opening and the closing. `time` is that of a record of the same partition.
    pub fn pass(&mut self, time: TimeMs) {
        self.time = self.time.max(time);
        self.keep_time();
    }

    fn keep_time(&mut self) {
        let Some(hall) = &mut self.hall else { return };
        hall.pass(self.time);
        if hall.opening().closes_at <= self.time {
            self.hall = None;
        }
    }

    fn decide(&mut self, at: Position, event: &RoomEvent) -> Result<Outcome, Refusal> {
        if let RoomEvent::Open(opening) = event {
            return self.open(at, opening);
        }
        if let RoomEvent::Close { opening } = event {
            return self.close(*opening);
        }
        let time = self.time;
        let hall = self.hall.as_mut().ok_or(Refusal::NoRoom)?;
        match event {
            RoomEvent::Enter { customer, entry } => hall.enter(time, *customer, *entry),
            RoomEvent::Leave { customer, entry } => hall.leave(customer, *entry),
            RoomEvent::Reveal { opening, seed } => hall.reveal(*opening, seed, &mut self.notary),
            RoomEvent::Admit(admit) => hall.admit(time, admit),
            RoomEvent::Open(_) | RoomEvent::Close { .. } => Ok(Outcome::Repeated),
        }
    }

    fn open(&mut self, at: Position, opening: &Opening) -> Result<Outcome, Refusal> {
        if self.openings.contains(&opening.id) {
            return Ok(Outcome::Repeated);
        }
        let Opening { window_ms, opens_at, closes_at, people_max, .. } = *opening;
        check(window_ms, opens_at, closes_at, people_max, self.time).map_err(|_| Refusal::OpeningInvalid)?;
        if self.hall.is_some() {
            return Err(Refusal::RoomOpen);
        }
        if self.openings.len() >= OPENINGS_MAX {
            return Err(Refusal::TooManyRooms);
        }
        self.openings.push(opening.id);
        self.hall = Some(Hall::new(at, *opening));
        self.keep_time();
        Ok(Outcome::Opened)
    }

    fn close(&mut self, opening: CommandId) -> Result<Outcome, Refusal> {
        match &self.hall {
            Some(hall) if hall.opening().id == opening => {
                self.hall = None;
                Ok(Outcome::Closed)
            }
            _ if self.openings.contains(&opening) => Ok(Outcome::Repeated),
            Some(_) => Err(Refusal::OpeningUnknown),
            None => Err(Refusal::NoRoom),
        }
    }
}
