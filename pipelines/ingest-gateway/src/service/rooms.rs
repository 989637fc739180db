//! Waiting rooms: entering, standing, leaving, and who may order.

use order_model::limits::LINES_MAX;
use order_model::{CommandId, CustomerId, Place};
use waiting_room::{
    EntryId, Phase, Refusal as RoomRefusal, RoomEvent, RoomName, RoomPlan, RoomToken, Standing, WriteError,
};

use super::admin::check;
use super::place::Turn;
use super::refusal::Refusal;
use super::{Service, random};
use crate::identity::Identity;
use crate::rooms::{Behind, Found, OpenRoom, Pass, RoomFeed, Rooms, closed};

/// What was written about a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoomWritten {
    /// `open`, `unchanged` or `close`.
    pub action: &'static str,
    /// Where it lies; `None` when there was nothing to write.
    pub place: Option<(u32, u64)>,
}

impl From<Behind> for Refusal {
    fn from(_: Behind) -> Self {
        Self::RoomsBehind
    }
}

impl From<WriteError> for Refusal {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Full => Self::Overloaded,
            WriteError::Away(_) => Self::LogAway,
            WriteError::Unknown => Self::OutcomeUnknown,
            WriteError::NoKey(_) => Self::Unwritable,
        }
    }
}

fn refused(reason: RoomRefusal) -> Refusal {
    Refusal::RoomRefused { reason, retry_after_seconds: None }
}

impl Service {
    /// Whether a sale has a waiting room that is not closed.
    pub fn has_room(&self, sale: &str) -> bool {
        self.parts.rooms.as_ref().is_some_and(|rooms| matches!(rooms.find(sale), Found::Open(_)))
    }

    fn rooms(&self) -> Result<&std::sync::Arc<Rooms>, Refusal> {
        self.parts.rooms.as_ref().ok_or(Refusal::RoomUnknown)
    }

    /// Takes a place in the room of a sale. Who has one keeps it.
    pub async fn enter_room(&self, who: &Identity, sale: &RoomName) -> Result<Pass, Refusal> {
        if !who.verified {
            return Err(Refusal::NotVerified);
        }
        self.pacing.customer(who.customer)?;
        let rooms = self.rooms()?;
        let room = match rooms.find(sale.as_str()) {
            Found::Open(room) => room,
            Found::Closed => return Ok(closed()),
            Found::None => return Err(Refusal::RoomUnknown),
        };
        if let Some(pass) = rooms.pass(&room, who.customer) {
            return Ok(pass);
        }
        too_early(&room, rooms)?;
        let event = RoomEvent::Enter { customer: who.customer, entry: EntryId(random()?) };
        let written = rooms.writer().append(sale, &event, self.now()).await?;
        rooms.reached(written.partition, written.offset).await?;
        let Found::Open(room) = rooms.find(sale.as_str()) else { return Ok(closed()) };
        if let Some(pass) = rooms.pass(&room, who.customer) {
            return Ok(pass);
        }
        too_early(&room, rooms)?;
        Err(refused(match room.view.look(&who.customer).standing {
            Standing::Left => RoomRefusal::TooManyReentries,
            _ => RoomRefusal::RoomFull,
        }))
    }

    /// Where they stand in the room of a sale.
    pub async fn room_pass(
        &self,
        who: &Identity,
        sale: &RoomName,
        token: Option<&str>,
    ) -> Result<Pass, Refusal> {
        let rooms = self.rooms()?;
        self.follow_token(who, sale, token).await?;
        match rooms.find(sale.as_str()) {
            Found::Open(room) => rooms.pass(&room, who.customer).ok_or(Refusal::NotInRoom),
            Found::Closed => Ok(closed()),
            Found::None => Err(Refusal::RoomUnknown),
        }
    }

    /// Where they stand, whenever that changes; `None` when the room is closed, and nothing will.
    pub async fn room_events(
        &self,
        who: &Identity,
        sale: &RoomName,
        token: Option<&str>,
    ) -> Result<Option<RoomFeed>, Refusal> {
        let rooms = self.rooms()?;
        self.follow_token(who, sale, token).await?;
        match rooms.find(sale.as_str()) {
            Found::Open(room) => {
                rooms.pass(&room, who.customer).ok_or(Refusal::NotInRoom)?;
                Ok(Some(RoomFeed::new(rooms, &room, who.customer)))
            }
            Found::Closed => Ok(None),
            Found::None => Err(Refusal::RoomUnknown),
        }
    }

    /// Gives their place up; those behind move on.
    pub async fn leave_room(
        &self,
        who: &Identity,
        sale: &RoomName,
        token: Option<&str>,
    ) -> Result<(), Refusal> {
        self.pacing.customer(who.customer)?;
        let rooms = self.rooms()?;
        self.follow_token(who, sale, token).await?;
        let room = match rooms.find(sale.as_str()) {
            Found::Open(room) => room,
            Found::Closed => return Ok(()),
            Found::None => return Err(Refusal::RoomUnknown),
        };
        let entry = room.view.entry_of(&who.customer).ok_or(Refusal::NotInRoom)?;
        let event = RoomEvent::Leave { customer: who.customer, entry };
        let written = rooms.writer().append(sale, &event, self.now()).await?;
        Ok(rooms.reached(written.partition, written.offset).await?)
    }

    /// Checks a token, if there is one, and waits until the room is read as far as whoever gave it had read.
    async fn follow_token(
        &self,
        who: &Identity,
        sale: &RoomName,
        token: Option<&str>,
    ) -> Result<(), Refusal> {
        let Some(text) = token else { return Ok(()) };
        let rooms = self.rooms()?;
        let token = rooms.read_token(text)?;
        if token.customer != who.customer || token.room != *sale {
            return Err(Refusal::PlaceOfAnother);
        }
        Ok(rooms.reached(token.partition, token.offset).await?)
    }

    /// Whether the waiting rooms of an order's sales let it pass. The token may be several, with commas.
    pub(super) async fn pass_rooms(&self, place: &Place, turn: Turn<'_>) -> Result<(), Refusal> {
        let Some(rooms) = &self.parts.rooms else { return Ok(()) };
        if !rooms.is_ready() {
            return Err(Refusal::RoomsBehind);
        }
        let mut read = None;
        let mut passed: Vec<String> = Vec::new();
        for line in &place.lines {
            let Some(listing) = self.board().listing(&line.sku) else {
                // It may be of a sale with a room, and not read yet, or not decided: the worker may be behind.
                if rooms.is_any_open() {
                    return Err(Refusal::RoomsBehind);
                }
                continue;
            };
            let sale = &listing.settings.sale;
            if passed.contains(sale) {
                continue;
            }
            if matches!(rooms.find(sale), Found::Open(_)) {
                let (tokens, fault) =
                    read.get_or_insert_with(|| read_all(rooms, place.customer, turn.room_token));
                let Some(token) = tokens.iter().find(|token| token.room.as_str() == sale.as_str()) else {
                    return Err(fault.take().unwrap_or_else(|| Refusal::PlaceNeeded(sale.clone())));
                };
                rooms.reached_by(token.partition, token.offset, turn.rooms_by).await?;
                admitted(rooms, place.customer, sale)?;
            }
            passed.push(sale.clone());
        }
        Ok(())
    }

    /// Opens the waiting room of a sale. One that is open as it is wanted stays as it is.
    pub async fn open_room(
        &self,
        who: &Identity,
        sale: &RoomName,
        plan: &RoomPlan,
        key: Option<&str>,
    ) -> Result<RoomWritten, Refusal> {
        check(who, key)?;
        let rooms = self.rooms()?;
        if let Found::Open(room) = rooms.find(sale.as_str()) {
            return match plan.is_met_by(&room.summary.opening) {
                true => Ok(RoomWritten { action: "unchanged", place: None }),
                false => Err(refused(RoomRefusal::RoomOpen)),
            };
        }
        let id: CommandId = self.command_id(who, key, "open room", sale.as_str().as_bytes(), plan)?;
        let opening = plan.opening(&rooms.writer().topic().ring, sale, id, self.now());
        let opening = opening.map_err(|error| Refusal::Invalid(error.to_string()))?;
        let written = rooms.writer().append(sale, &RoomEvent::Open(opening), self.now()).await?;
        rooms.reached(written.partition, written.offset).await?;
        match rooms.find(sale.as_str()) {
            Found::Open(room) if room.summary.opening.id == id => {
                Ok(RoomWritten { action: "open", place: Some((written.partition.0, written.offset.0)) })
            }
            Found::Open(_) => Err(refused(RoomRefusal::RoomOpen)),
            Found::None | Found::Closed => Err(refused(RoomRefusal::TooManyRooms)),
        }
    }

    /// Closes the waiting room of a sale for good: from then on, whoever comes may order.
    pub async fn close_room(&self, who: &Identity, sale: &RoomName) -> Result<RoomWritten, Refusal> {
        check(who, None)?;
        let rooms = self.rooms()?;
        let room = match rooms.find(sale.as_str()) {
            Found::Open(room) => room,
            Found::Closed => return Ok(RoomWritten { action: "unchanged", place: None }),
            Found::None => return Err(Refusal::RoomUnknown),
        };
        let event = RoomEvent::Close { opening: room.summary.opening.id };
        let written = rooms.writer().append(sale, &event, self.now()).await?;
        rooms.reached(written.partition, written.offset).await?;
        Ok(RoomWritten { action: "close", place: Some((written.partition.0, written.offset.0)) })
    }
}

/// Nobody may enter before the window begins, and they are told when that is.
fn too_early(room: &OpenRoom, rooms: &Rooms) -> Result<(), Refusal> {
    let enters_at = room.summary.opening.enters_at();
    let (now, is_announced) = (rooms.now(), room.summary.phase == Phase::Announced);
    if !is_announced || enters_at <= now {
        return Ok(());
    }
    let seconds = (enters_at.0 - now.0).div_ceil(1_000);
    Err(Refusal::RoomRefused { reason: RoomRefusal::TooEarly, retry_after_seconds: Some(seconds) })
}

/// The tokens of a header that are the customer's, and what is wrong with the first that is not.
fn read_all(rooms: &Rooms, customer: CustomerId, tokens: Option<&str>) -> (Vec<RoomToken>, Option<Refusal>) {
    let (mut good, mut fault) = (Vec::new(), None);
    let texts = tokens.unwrap_or_default().split(',').map(str::trim).filter(|text| !text.is_empty());
    for text in texts.take(LINES_MAX) {
        match rooms.read_token(text) {
            Ok(token) if token.customer == customer => good.push(token),
            Ok(_) => fault = fault.or(Some(Refusal::PlaceOfAnother)),
            Err(error) => fault = fault.or_else(|| Some(error.into())),
        }
    }
    (good, fault)
}

/// Whether a customer is admitted, as far as the room has been read.
fn admitted(rooms: &Rooms, customer: CustomerId, sale: &str) -> Result<(), Refusal> {
    let Found::Open(room) = rooms.find(sale) else { return Ok(()) };
    match room.view.look(&customer).standing {
        Standing::Admitted { .. } => Ok(()),
        Standing::Waiting { .. } | Standing::ToBeDrawn => Err(Refusal::NotAdmitted(sale.to_owned())),
        Standing::Unknown | Standing::Left => Err(Refusal::PlaceNeeded(sale.to_owned())),
    }
}
