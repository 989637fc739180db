//! The hall: who is in a room from one opening to its closing, and at which place.

mod admission;

use std::collections::VecDeque;

use order_model::{CommandId, CustomerId, Position, Seed, TimeMs};

use crate::event::{EntryId, Opening};
use crate::limits::REENTRIES_MAX;
use crate::name::RoomName;
use crate::notary::Notary;
use crate::outcome::{Outcome, Refusal};
use crate::people::{People, Person, Slot};
use crate::places::Places;
use crate::rate::{Eta, Rate};
use crate::seed::{commitment_to, lot_of};
use crate::standing::{Phase, Standing, Summary};

use admission::Admission;

/// What lives from an opening to its closing.
pub(crate) struct Hall {
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
    expected_after: u32,
    rate: Rate,
}

impl Hall {
    pub(crate) fn new(opened_at: Position, opening: Opening) -> Self {
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
            expected_after: 0,
            rate: Rate::default(),
        }
    }

    pub(crate) fn opening(&self) -> &Opening {
        &self.opening
    }

    pub(crate) fn entry_of(&self, customer: &CustomerId) -> Option<EntryId> {
        let person = self.people.get(self.people.find(customer)?)?;
        person.is_in.then_some(person.entry)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.people.bytes() + self.places.bytes()
    }

    pub(crate) fn eta(&self, ahead: u32) -> Option<Eta> {
        self.rate.eta(ahead)
    }

    /// Opens when it is time.
    pub(crate) fn pass(&mut self, time: TimeMs) {
        if !self.is_open && self.opening.opens_at <= time {
            self.open();
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

    pub(crate) fn enter(
        &mut self,
        time: TimeMs,
        customer: CustomerId,
        entry: EntryId,
    ) -> Result<Outcome, Refusal> {
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

    pub(crate) fn leave(&mut self, customer: &CustomerId, entry: EntryId) -> Result<Outcome, Refusal> {
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

    pub(crate) fn reveal(
        &mut self,
        opening: CommandId,
        seed: &Seed,
        notary: &mut Notary,
    ) -> Result<Outcome, Refusal> {
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

    fn present(&self) -> u32 {
        if self.is_open {
            self.places.taken_up_to(self.places.len()) - self.given_up_undrawn()
        } else {
            self.placeless
        }
    }

    pub(crate) fn standing(&self, customer: &CustomerId) -> Standing {
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

    pub(crate) fn summary(&self, room: &RoomName, time: TimeMs) -> Summary {
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
            expected_after: self.expected_after,
            rate_milli: self.rate.per_s_milli(),
        }
    }
}

fn prefix(lot: &[u8; 32]) -> u64 {
    lot.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
