//! Waiting rooms, as a gateway has them: followed, kept, written to, and asked where somebody stands.
//!
//! Promised: what is said of a place rests on the log alone, so that any gateway says the same; a token says how far the room
//! had been read when it was given, and a gateway that has not read so far waits before it answers. Not promised: that it is
//! known here who ordered before this gateway read about their entry; then too few are admitted for a while, not too many.

use std::sync::Arc;
use std::time::Duration;

use order_codec::KeyRing;
use order_log::{Clock, LogError};
use order_model::{CustomerId, Offset, Partition, TimeMs};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use waiting_room::limits::KEEPER_STAGGER_MS_MAX;
use waiting_room::{
    Eta, Keeper, Look, PaceTarget, RoomFollower, RoomToken, RoomTopic, RoomView, RoomWriter, Standing,
    Summary, TokenError,
};

use crate::board::Board;
use crate::limits::{ROOM_CATCH_UP_MAX, ROOM_EVENTS_EVERY};

/// What waiting rooms are made of.
#[derive(Clone)]
pub struct RoomParts {
    /// The topic, and the keys that reveal and pace.
    pub topic: RoomTopic,
    /// Signs the tokens that hold places; the same at all gateways.
    pub tokens: KeyRing,
    /// What the pace aims at.
    pub target: PaceTarget,
    /// Any number, as different as can be from that of other gateways: they step in one after the other.
    pub stagger: u64,
    /// The time of day.
    pub clock: Arc<dyn Fn() -> TimeMs + Send + Sync>,
}

/// The waiting rooms. Their threads end when this and every [`RoomFeed`] is dropped.
pub struct Rooms {
    follower: RoomFollower,
    writer: RoomWriter,
    tokens: KeyRing,
    clock: Arc<dyn Fn() -> TimeMs + Send + Sync>,
    _keeper: Keeper,
}

impl std::fmt::Debug for Rooms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rooms").field("names", &self.follower.names()).finish_non_exhaustive()
    }
}

/// Where somebody stands, in one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlaceState {
    /// In the room; the place is drawn at the opening.
    Before,
    /// There are others before them.
    Waiting,
    /// They may order.
    Admitted,
    /// The room is closed.
    Closed,
}

impl PlaceState {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Waiting => "waiting",
            Self::Admitted => "admitted",
            Self::Closed => "closed",
        }
    }
}

/// Where somebody stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoomPlace {
    /// In one word.
    pub state: PlaceState,
    /// The place, once it is drawn.
    pub place: Option<u32>,
    /// How many are admitted before them.
    pub ahead: Option<u32>,
    /// How long that takes, if enough is known.
    pub eta: Option<Eta>,
}

impl RoomPlace {
    const CLOSED: Self = Self { state: PlaceState::Closed, place: None, ahead: None, eta: None };
}

/// A place, and the token that holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pass {
    /// Where its holder stands.
    pub place: RoomPlace,
    /// Holds the place; there is none for a room that is closed.
    pub token: Option<String>,
    /// When people are admitted from.
    pub opens_at: TimeMs,
    /// When the room closes.
    pub closes_at: TimeMs,
}

/// A room that is open, or will be.
pub(crate) struct OpenRoom {
    pub(crate) view: RoomView,
    pub(crate) summary: Arc<Summary>,
}

/// What there is under a name.
pub(crate) enum Found {
    /// There never was a room.
    None,
    /// There was one.
    Closed,
    /// There is one.
    Open(OpenRoom),
}

/// Nothing could be read up to where a token says in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Behind;

impl Rooms {
    /// Follows all rooms, and begins to keep them at the pace of the pipeline that `board` shows.
    pub fn open(parts: RoomParts, board: &Board) -> Result<Self, LogError> {
        let RoomParts { topic, tokens, target, stagger, clock } = parts;
        let follower = RoomFollower::start(topic.clone())?;
        let writer = RoomWriter::start(topic)?;
        let told = follower.clone();
        board.tell(Box::new(move |sale, customer| {
            if let Some(view) = told.room_of(sale) {
                view.note_order(&customer);
            }
        }));
        let board = board.clone();
        let time = Arc::clone(&clock);
        let now: Clock = Arc::new(move || time().0);
        let keeper = Keeper::start(
            follower.clone(),
            writer.clone(),
            target,
            Arc::new(move |_| board.pipeline()),
            now,
            stagger % (KEEPER_STAGGER_MS_MAX + 1),
        )?;
        Ok(Self { follower, writer, tokens, clock, _keeper: keeper })
    }

    /// Whether the rooms that there were at the start are known.
    pub fn is_ready(&self) -> bool {
        self.follower.status().borrow().is_caught_up
    }

    pub(crate) fn writer(&self) -> &RoomWriter {
        &self.writer
    }

    pub(crate) fn now(&self) -> TimeMs {
        (self.clock)()
    }

    /// The room of a sale. One whose time is over is closed, though no record may have said so yet.
    pub(crate) fn find(&self, sale: &str) -> Found {
        self.follower.room_of(sale).map_or(Found::None, |view| self.as_it_is(view))
    }

    fn as_it_is(&self, view: RoomView) -> Found {
        match view.summary().filter(|summary| self.now() < summary.opening.closes_at) {
            Some(summary) => Found::Open(OpenRoom { view, summary }),
            None => Found::Closed,
        }
    }

    /// Whether any sale has a room that is not closed.
    pub(crate) fn is_any_open(&self) -> bool {
        self.follower.names().iter().any(|name| matches!(self.find(name.as_str()), Found::Open(_)))
    }

    /// Reads a token; whose it is remains to be asked.
    pub(crate) fn read_token(&self, text: &str) -> Result<RoomToken, TokenError> {
        RoomToken::check(text, &self.tokens, self.now())
    }

    /// Waits until the rooms are read up to a record.
    pub(crate) async fn reached(&self, partition: Partition, offset: Offset) -> Result<(), Behind> {
        self.reached_by(partition, offset, Instant::now() + ROOM_CATCH_UP_MAX).await
    }

    /// The same, until a given time.
    pub(crate) async fn reached_by(
        &self,
        partition: Partition,
        offset: Offset,
        deadline: Instant,
    ) -> Result<(), Behind> {
        match timeout_at(deadline, self.follower.reached(partition, offset)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Behind),
        }
    }

    /// Where a customer stands, with the token that holds the place. `None` for somebody who is not in the room.
    pub(crate) fn pass(&self, room: &OpenRoom, customer: CustomerId) -> Option<Pass> {
        let look = room.view.look(&customer);
        Some(self.pass_at(room, customer, &look, place_of(&look)?))
    }

    /// Costs a signature.
    fn pass_at(&self, room: &OpenRoom, customer: CustomerId, look: &Look, place: RoomPlace) -> Pass {
        let opening = &room.summary.opening;
        let token = RoomToken {
            room: room.view.name().clone(),
            customer,
            partition: look.partition,
            offset: look.read_to,
            expires_at: opening.closes_at,
        };
        let token = token.sign(&self.tokens, self.now());
        Pass { place, token, opens_at: opening.opens_at, closes_at: opening.closes_at }
    }
}

fn place_of(look: &Look) -> Option<RoomPlace> {
    let (state, place, ahead) = match look.standing {
        Standing::ToBeDrawn => (PlaceState::Before, None, None),
        Standing::Waiting { place, ahead } => (PlaceState::Waiting, Some(place), Some(ahead)),
        Standing::Admitted { place } => (PlaceState::Admitted, Some(place), None),
        Standing::Unknown | Standing::Left => return None,
    };
    Some(RoomPlace { state, place, ahead, eta: look.eta })
}

/// What is told of a room that is closed.
pub(crate) fn closed() -> Pass {
    Pass { place: RoomPlace::CLOSED, token: None, opens_at: TimeMs(0), closes_at: TimeMs(0) }
}

/// Where somebody stands, now and whenever that changes; what is missed in between is passed over.
pub struct RoomFeed {
    rooms: Arc<Rooms>,
    view: RoomView,
    customer: CustomerId,
    changes: watch::Receiver<Option<Arc<Summary>>>,
    last: Option<RoomPlace>,
    closes_at: TimeMs,
}

impl std::fmt::Debug for RoomFeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoomFeed")
            .field("room", self.view.name())
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

impl RoomFeed {
    pub(crate) fn new(rooms: &Arc<Rooms>, room: &OpenRoom, customer: CustomerId) -> Self {
        let (rooms, view, changes) = (Arc::clone(rooms), room.view.clone(), room.view.watch());
        Self { rooms, view, customer, changes, last: None, closes_at: room.summary.opening.closes_at }
    }

    /// The next change; `None` when there will be none: the room is closed and that was told, or they have left.
    pub async fn next(&mut self) -> Option<Pass> {
        while self.last != Some(RoomPlace::CLOSED) {
            if self.last.is_some() {
                self.changed().await?;
            }
            self.changes.borrow_and_update();
            let Found::Open(room) = self.rooms.as_it_is(self.view.clone()) else {
                self.last = Some(RoomPlace::CLOSED);
                return Some(closed());
            };
            self.closes_at = room.summary.opening.closes_at;
            let look = self.view.look(&self.customer);
            let place = place_of(&look)?;
            if self.last != Some(place) {
                self.last = Some(place);
                return Some(self.rooms.pass_at(&room, self.customer, &look, place));
            }
        }
        None
    }

    /// Waits until there may be something else to see; `None`: there will be nothing.
    async fn changed(&mut self) -> Option<()> {
        let left_ms = self.closes_at.0.saturating_sub(self.rooms.now().0).saturating_add(1);
        // The room closes without a record when its time is over.
        if let Ok(changed) = timeout(Duration::from_millis(left_ms), self.changes.changed()).await {
            changed.ok()?;
            // Whatever moves a room wakes everybody who waits in it. Many come and go in a second, and people do not read that
            // fast, so each looks again only after a while, whether or not it is their own place that changed.
            sleep(ROOM_EVENTS_EVERY).await;
        }
        Some(())
    }
}
