//! The room: a deterministic state machine over the events of one room.

use std::collections::VecDeque;

use order_model::{CommandId, CustomerId, Position, Seed, TimeMs};

use crate::event::{Admit, EntryId, Opening, RoomEvent};
use crate::limits::{
    ADMISSIONS_KEPT_MAX, ADMIT_STEP_MAX, OPENINGS_MAX, PACE_MS_MIN, REENTRIES_MAX, ROOM_LIFE_MS_MAX,
    ROOM_PEOPLE_MAX,
};
use crate::name::RoomName;
use crate::notary::{Notary, RoomCertificate};
use crate::outcome::{Outcome, Refusal};
use crate::people::{People, Person, Slot};
use crate::places::{Marks, Places};
use crate::rate::{Eta, Rate};
use crate::seed::{commitment_to, lot_of};

/// Where a room stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Nobody may enter yet.
    Announced,
    /// People enter for the draw.
    Gathering,
    /// The opening is past, and the seed has not come: nobody is admitted.
    Drawing,
    /// People are admitted.
    Admitting,
    /// It is over.
    Closed,
}

/// Where a customer stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Never entered, or the room is closed.
    Unknown,
    /// Entered before the opening: the place is drawn then.
    ToBeDrawn,
    /// Waits.
    Waiting {
        /// The place, for good.
        place: u32,
        /// How many have to be admitted first; those who have left do not count.
        ahead: u32,
    },
    /// May go on.
    Admitted {
        /// The place.
        place: u32,
    },
    /// Has left.
    Left,
}

/// Figures of a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Summary {
    /// Its name.
    pub room: RoomName,
    /// Its settings.
    pub opening: Opening,
    /// The record that opened it: entries before it are of another opening.
    pub opened_at: Position,
    /// Where it stands.
    pub phase: Phase,
    /// Customers who are in the room, admitted ones included.
    pub people: u32,
    /// The last place there is.
    pub places: u32,
    /// How many places were drawn, or are to be.
    pub drawn: u32,
    /// Whether the seed is known.
    pub is_revealed: bool,
    /// The last place admitted.
    pub admitted: u32,
    /// How many people wait for admission.
    pub waiting: u32,
    /// Admissions so far.
    pub step: u32,
    /// When the last one was, by the log.
    pub admitted_at: TimeMs,
    /// What was outstanding after the last one.
    pub outstanding_after: u32,
    /// The admission rate, in thousandths of people a second, when enough is known.
    pub rate_milli: Option<u64>,
}

/// A moment of admission.
#[derive(Clone, Copy, Debug)]
struct Admission {
    time: TimeMs,
    up_to: u32,
}

/// One waiting room, through all its openings.
pub struct Room {
    name: RoomName,
    /// Openings there were, the last one included.
    openings: Vec<CommandId>,
    hall: Option<Hall>,
    time: TimeMs,
    notary: Notary,
}

/// What lives from an opening to its closing.
struct Hall {
    opening: Opening,
    opened_at: Position,
    people: People,
    places: Places,
    /// Places that are drawn: all up to this one.
    drawn: u32,
    is_open: bool,
    is_revealed: bool,
    /// People in the room who have no place yet.
    placeless: u32,
    /// People in the room who are not admitted.
    waiting: u32,
    admitted: u32,
    step: u32,
    admissions: VecDeque<Admission>,
    /// How far the admissions that are no longer kept had come.
    forgotten_up_to: u32,
    outstanding_after: u32,
    rate: Rate,
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
        self.hall.as_ref().map_or(0, |hall| hall.opening.people_max)
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
        let hall = self.hall.as_ref()?;
        let person = hall.people.get(hall.people.find(customer)?)?;
        person.is_in.then_some(person.entry)
    }

    /// How long somebody with so many people ahead will wait; `None` while too little is known.
    pub fn eta(&self, ahead: u32) -> Option<Eta> {
        self.hall.as_ref()?.rate.eta(ahead)
    }

    /// The place to admit up to, so that so many more people are admitted; those who have left are skipped.
    pub fn place_after(&self, people: u32) -> u32 {
        let Some(hall) = &self.hall else { return 0 };
        if people == 0 {
            return hall.admitted;
        }
        let up_to = hall.places.nth_taken(hall.places.taken_up_to(hall.admitted).saturating_add(people));
        up_to.clamp(hall.admitted, hall.admitted.saturating_add(ADMIT_STEP_MAX))
    }

    /// Bytes the room holds, without what the allocator adds.
    pub fn bytes(&self) -> usize {
        self.hall.as_ref().map_or(0, |hall| hall.people.bytes() + hall.places.bytes())
    }

    /// How many people are in the room who were admitted after `since` and are not marked.
    pub(crate) fn admitted_unmarked(&self, since: TimeMs, marks: &Marks) -> u32 {
        let Some(hall) = &self.hall else { return 0 };
        let before = hall.admissions.iter().rev().find(|admission| admission.time < since);
        hall.places.taken_unmarked(
            before.map_or(hall.forgotten_up_to, |before| before.up_to),
            hall.admitted,
            marks,
        )
    }

    /// Lets happen what comes with time alone: the opening and the closing. `time` is that of a record of the same partition.
    pub fn pass(&mut self, time: TimeMs) {
        self.time = self.time.max(time);
        self.keep_time();
    }

    fn keep_time(&mut self) {
        let Some(hall) = &mut self.hall else { return };
        if !hall.is_open && hall.opening.opens_at <= self.time {
            hall.open();
        }
        if hall.opening.closes_at <= self.time {
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
        is_possible(self.time, opening).then_some(()).ok_or(Refusal::OpeningInvalid)?;
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
            Some(hall) if hall.opening.id == opening => {
                self.hall = None;
                Ok(Outcome::Closed)
            }
            _ if self.openings.contains(&opening) => Ok(Outcome::Repeated),
            Some(_) => Err(Refusal::OpeningUnknown),
            None => Err(Refusal::NoRoom),
        }
    }
}

/// Whether a room can be opened like this at `time`.
pub(crate) fn is_possible(time: TimeMs, opening: &Opening) -> bool {
    let in_order = opening.window_ms <= opening.opens_at.0 && opening.opens_at < opening.closes_at;
    let is_ahead = time < opening.closes_at && opening.closes_at <= time.after(ROOM_LIFE_MS_MAX);
    in_order && is_ahead && (1..=ROOM_PEOPLE_MAX).contains(&opening.people_max)
}

impl Hall {
    fn new(opened_at: Position, opening: Opening) -> Self {
        Self {
            opening,
            opened_at,
            people: People::default(),
            places: Places::default(),
            drawn: 0,
            is_open: false,
            is_revealed: false,
            placeless: 0,
            waiting: 0,
            admitted: 0,
            step: 0,
            admissions: VecDeque::new(),
            forgotten_up_to: 0,
            outstanding_after: 0,
            rate: Rate::default(),
        }
    }

    /// The opening: who is in the room is in the draw, and the places up to their number are theirs.
    fn open(&mut self) {
        self.is_open = true;
        self.drawn = self.placeless;
        for _ in 0..self.drawn {
            self.places.push();
        }
        self.rate.begin(self.opening.opens_at);
    }

    fn phase(&self, time: TimeMs) -> Phase {
        match self.is_open {
            true if self.drawn > 0 && !self.is_revealed => Phase::Drawing,
            true => Phase::Admitting,
            false if time < self.opening.enters_at() => Phase::Announced,
            false => Phase::Gathering,
        }
    }

    /// Places below the drawn ones that count as taken though their owners have left, since nobody knows yet which.
    fn given_up_undrawn(&self) -> u32 {
        if self.is_open && !self.is_revealed { self.drawn - self.placeless } else { 0 }
    }

    fn enter(&mut self, time: TimeMs, customer: CustomerId, entry: EntryId) -> Result<Outcome, Refusal> {
        if !self.is_open && time < self.opening.enters_at() {
            return Err(Refusal::TooEarly);
        }
        let known = self.people.find(&customer);
        if let Some(slot) = known {
            return self.enter_anew(time, slot, entry);
        }
        if self.people.len() >= self.opening.people_max {
            return Err(Refusal::RoomFull);
        }
        let place = self.next_place(time);
        let is_drawn = !self.is_open;
        self.people.insert(Person { customer, entry, place, reentries: 0, is_in: true, is_drawn });
        Ok(Outcome::Entered((place > 0).then_some(place)))
    }

    /// Somebody enters who was here before.
    fn enter_anew(&mut self, time: TimeMs, slot: Slot, entry: EntryId) -> Result<Outcome, Refusal> {
        let Some(person) = self.people.get(slot).copied().filter(|person| !person.is_in) else {
            return Ok(Outcome::Repeated);
        };
        if person.entry == entry {
            return Err(Refusal::EntryEnded);
        }
        if person.reentries >= REENTRIES_MAX {
            return Err(Refusal::TooManyReentries);
        }
        let place = self.next_place(time);
        let is_drawn = if self.is_open { person.is_drawn } else { true };
        if let Some(found) = self.people.get_mut(slot) {
            *found =
                Person { entry, place, reentries: person.reentries + 1, is_in: true, is_drawn, ..person };
        }
        Ok(Outcome::Entered((place > 0).then_some(place)))
    }

    /// The place at the end, or zero before the opening.
    fn next_place(&mut self, time: TimeMs) -> u32 {
        if self.waiting == 0 {
            // What was admitted while nobody waited says who came, not how fast we are.
            self.rate.begin(time);
        }
        self.waiting += 1;
        if self.is_open {
            self.places.push()
        } else {
            self.placeless += 1;
            0
        }
    }

    fn leave(&mut self, customer: &CustomerId, entry: EntryId) -> Result<Outcome, Refusal> {
        let slot = self.people.find(customer).ok_or(Refusal::NotIn)?;
        let person =
            self.people.get_mut(slot).filter(|person| person.entry == entry).ok_or(Refusal::NotIn)?;
        if !person.is_in {
            return Ok(Outcome::Repeated);
        }
        person.is_in = false;
        if person.place == 0 || person.place > self.admitted {
            self.waiting -= 1;
        }
        if person.place > 0 {
            self.places.give_up(person.place);
        } else {
            person.is_drawn = self.is_open;
            self.placeless -= 1;
        }
        Ok(Outcome::Left)
    }

    fn reveal(&mut self, opening: CommandId, seed: &Seed, notary: &mut Notary) -> Result<Outcome, Refusal> {
        if self.opening.id != opening {
            return Err(Refusal::OpeningUnknown);
        }
        if !self.is_open {
            return Err(Refusal::NotOpen);
        }
        if commitment_to(seed) != self.opening.commitment {
            return Err(Refusal::SeedWrong);
        }
        if self.is_revealed {
            return Ok(Outcome::Repeated);
        }
        self.is_revealed = true;
        self.draw(seed, notary);
        Ok(Outcome::Drawn(self.drawn))
    }

    /// Gives the drawn places out. A lot whose owner has left, or has since queued up at the end, counts as given up.
    fn draw(&mut self, seed: &Seed, notary: &mut Notary) {
        let drawn = self.people.iter().filter(|(_, person)| person.is_drawn);
        let mut lots: Vec<(u64, Slot)> =
            drawn.map(|(slot, person)| (prefix(&lot_of(seed, &person.customer)), slot)).collect();
        let people = &self.people;
        lots.sort_unstable_by(|(a, a_slot), (b, b_slot)| {
            a.cmp(b).then_with(|| {
                // Equal in their first eight bytes: rare enough to hash again.
                let whole =
                    |slot| people.get(slot).map(|person| (lot_of(seed, &person.customer), person.customer));
                whole(*a_slot).cmp(&whole(*b_slot))
            })
        });
        for (place, (_, slot)) in (1..).zip(lots) {
            let Some(person) = self.people.get_mut(slot) else { continue };
            notary.note_drawn(&person.customer);
            if person.is_in && person.place == 0 {
                person.place = place;
            } else {
                self.places.give_up(place);
            }
        }
        self.placeless = 0;
    }

    fn admit(&mut self, time: TimeMs, admit: &Admit) -> Result<Outcome, Refusal> {
        if self.opening.id != admit.opening {
            return Err(Refusal::OpeningUnknown);
        }
        match self.phase(time) {
            Phase::Admitting => {}
            Phase::Drawing => return Err(Refusal::NotDrawn),
            Phase::Announced | Phase::Gathering | Phase::Closed => return Err(Refusal::NotOpen),
        }
        if admit.step != self.step {
            return Err(Refusal::StepPassed);
        }
        let last = self.admissions.back().map(|last| last.time);
        if last.is_some_and(|last| time < last.after(PACE_MS_MIN)) {
            return Err(Refusal::TooSoon);
        }
        if admit.up_to > self.places.len() || admit.up_to > self.admitted.saturating_add(ADMIT_STEP_MAX) {
            return Err(Refusal::TooFar);
        }
        self.step += 1;
        let before = self.places.taken_up_to(self.admitted);
        self.admitted = self.admitted.max(admit.up_to);
        let people = self.places.taken_up_to(self.admitted) - before;
        self.waiting -= people;
        self.rate.admitted(time, people);
        self.outstanding_after = admit.figures.outstanding.saturating_add(people);
        if self.admissions.len() >= ADMISSIONS_KEPT_MAX {
            self.forgotten_up_to = self.admissions.pop_front().map_or(0, |oldest| oldest.up_to);
        }
        self.admissions.push_back(Admission { time, up_to: self.admitted });
        Ok(Outcome::Admitted(self.admitted))
    }

    fn present(&self) -> u32 {
        if self.is_open {
            self.places.taken_up_to(self.places.len()) - self.given_up_undrawn()
        } else {
            self.placeless
        }
    }

    fn standing(&self, customer: &CustomerId) -> Standing {
        let found = self.people.find(customer).and_then(|slot| self.people.get(slot));
        let Some(person) = found else { return Standing::Unknown };
        match person.place {
            _ if !person.is_in => Standing::Left,
            0 => Standing::ToBeDrawn,
            place if place <= self.admitted => Standing::Admitted { place },
            place => {
                let before = self.places.taken_up_to(place - 1) - self.places.taken_up_to(self.admitted);
                Standing::Waiting { place, ahead: before - self.given_up_undrawn() }
            }
        }
    }

    fn summary(&self, room: &RoomName, time: TimeMs) -> Summary {
        Summary {
            room: room.clone(),
            opening: self.opening,
            opened_at: self.opened_at,
            phase: self.phase(time),
            people: self.present(),
            places: self.places.len(),
            drawn: if self.is_open { self.drawn } else { self.placeless },
            is_revealed: self.is_revealed,
            admitted: self.admitted,
            waiting: self.waiting,
            step: self.step,
            admitted_at: self.admissions.back().map_or(self.opening.opens_at, |last| last.time),
            outstanding_after: self.outstanding_after,
            rate_milli: self.rate.per_s_milli(),
        }
    }
}

fn prefix(lot: &[u8; 32]) -> u64 {
    lot.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
