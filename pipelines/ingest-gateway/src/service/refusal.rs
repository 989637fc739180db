//! Why something was not done.

use order_model::RejectReason;
use waiting_room::{Refusal as RoomRefusal, TokenError};

use crate::board::ReadAt;
use crate::door::Outcome;
use crate::identity::BadToken;
use crate::limits::{IDEMPOTENCY_KEY_BYTES_MAX, RETRY_AFTER_SECONDS, SALE_LISTINGS_MAX};
use crate::people::PeopleRefusal;

/// Why something was not done.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Nobody said who they are.
    #[error("say who you are: send a token as `Authorization: Bearer TOKEN`")]
    NotIdentified,
    /// The token says nothing.
    #[error("{0}")]
    BadToken(#[from] BadToken),
    /// They may not order yet.
    #[error("confirm your address first: only verified customers order")]
    NotVerified,
    /// They have not the role for it.
    #[error("this needs the role `{0}`")]
    RoleNeeded(&'static str),
    /// The sale has a waiting room, and they show no place in it.
    #[error(
        "the sale \"{0}\" has a waiting room: enter it, and when it is your turn send the token of your place in the header Place"
    )]
    PlaceNeeded(String),
    /// The token of their place is worth nothing.
    #[error(transparent)]
    PlaceInvalid(#[from] TokenError),
    /// The token is not for what they ask.
    #[error("the token is that of another customer's place, or of a place in another room")]
    PlaceOfAnother,
    /// The waiting room has not let them in.
    #[error("it is not your turn yet in the waiting room of the sale \"{0}\"; your place is kept")]
    NotAdmitted(String),
    /// There is no such waiting room.
    #[error("the sale has no waiting room")]
    RoomUnknown,
    /// They are not in it.
    #[error("you have no place in this waiting room; enter it first")]
    NotInRoom,
    /// The waiting room does not let it happen.
    #[error("{}", room_detail(*reason))]
    RoomRefused {
        /// Why.
        reason: RoomRefusal,
        /// When it may be otherwise.
        retry_after_seconds: Option<u64>,
    },
    /// Not all that is known of the waiting rooms elsewhere is known here.
    #[error("the waiting rooms are still being read here; ask again")]
    RoomsBehind,
    /// The ledger would refuse it, or has refused it, and nothing was written now.
    #[error("{}", detail(*reason))]
    Rejected {
        /// Why.
        reason: RejectReason,
        /// The decisions that say so, where it rests on decisions.
        read_at: Option<ReadAt>,
    },
    /// No currency was named, and no listing names one.
    #[error("name a currency: none of the listings is known")]
    CurrencyNeeded,
    /// The idempotency key is none.
    #[error("an Idempotency-Key has 1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters")]
    KeyInvalid,
    /// The idempotency key named another command before.
    #[error("the Idempotency-Key was used before for other content; send another key for another command")]
    KeyReused,
    /// They ask too often.
    #[error("too many requests; ask again in {retry_after_seconds} s")]
    TooOften {
        /// When to ask again.
        retry_after_seconds: u64,
    },
    /// Not all that is decided is known here.
    #[error("decisions are not read yet here, or the log does not answer; ask again")]
    NotReady,
    /// Too much is in hand here.
    #[error("too many requests are in hand; nothing was written, ask again")]
    Overloaded,
    /// The log does not answer.
    #[error("the log does not answer; nothing was written, ask again")]
    LogAway,
    /// It was sent to the log, which did not answer in time.
    #[error(
        "the log did not answer in time: the request may have been taken or not; ask again with the same key or id, and it is settled"
    )]
    OutcomeUnknown,
    /// It cannot be written.
    #[error("the command cannot be written: no key of this gateway signs it now")]
    Unwritable,
    /// No such order, or none of theirs.
    #[error("there is no such order of yours that was decided and is remembered here")]
    OrderUnknown,
    /// Where orders of the past are kept does not answer.
    #[error("orders of the past cannot be looked up just now; ask again")]
    ArchiveAway,
    /// No such listing.
    #[error("there is no such listing")]
    ListingUnknown,
    /// No such sale.
    #[error("there is no such sale")]
    SaleUnknown,
    /// Too many look at the same order.
    #[error("the order has as many readers as it may have")]
    TooManyReaders,
    /// No such product.
    #[error("the catalogue has no such product")]
    ProductUnknown,
    /// The full-text index failed.
    #[error("the search failed; try again")]
    SearchFailed,
    /// This gateway does without what it is about.
    #[error("there {0} here")]
    NotHere(&'static str),
    /// It is about an account or a cart.
    #[error(transparent)]
    People(#[from] PeopleRefusal),
    /// Too many listings at once.
    #[error("the most listings at once are {SALE_LISTINGS_MAX}; send several requests")]
    SaleTooLarge,
    /// What was asked for makes no sense.
    #[error("{0}")]
    Invalid(String),
}

/// What kind of refusal it is; each transport has its own numbers for these.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// Who are you?
    Unauthenticated,
    /// You may not.
    Forbidden,
    /// There is none.
    NotFound,
    /// The request is malformed.
    Malformed,
    /// The request is well-formed and cannot be had.
    Unprocessable,
    /// As things stand, it cannot be had.
    Conflict,
    /// Too much at once.
    TooLarge,
    /// Too often.
    TooMany,
    /// Not now.
    Unavailable,
    /// Nobody knows whether it was done.
    Unknown,
    /// Our fault.
    Internal,
}

impl Refusal {
    /// The stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotIdentified => "not_identified",
            Self::BadToken(BadToken::Unknown) => "token_unknown",
            Self::BadToken(BadToken::Expired) => "token_expired",
            Self::NotVerified => "not_verified",
            Self::RoleNeeded(_) => "role_needed",
            Self::PlaceNeeded(_) => "place_needed",
            Self::PlaceInvalid(TokenError::Expired) => "place_expired",
            Self::PlaceInvalid(_) => "place_invalid",
            Self::PlaceOfAnother => "place_of_another",
            Self::NotAdmitted(_) => "not_admitted",
            Self::RoomUnknown => "no_such_room",
            Self::NotInRoom => "not_in_room",
            Self::RoomRefused { reason, .. } => reason.name(),
            Self::RoomsBehind => "rooms_behind",
            Self::Rejected { reason, .. } => reason.name(),
            Self::CurrencyNeeded => "currency_needed",
            Self::KeyInvalid => "idempotency_key_invalid",
            Self::KeyReused => "idempotency_key_reused",
            Self::TooOften { .. } => "too_often",
            Self::NotReady => "not_ready",
            Self::Overloaded => "overloaded",
            Self::LogAway => "log_away",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Unwritable => "unwritable",
            Self::OrderUnknown => "no_such_order",
            Self::ArchiveAway => "archive_away",
            Self::ListingUnknown => "no_such_listing",
            Self::SaleUnknown => "no_such_sale",
            Self::TooManyReaders => "too_many_readers",
            Self::ProductUnknown => "product_unknown",
            Self::SearchFailed => "search_failed",
            Self::NotHere(_) => "no_such_resource",
            Self::People(refusal) => refusal.name(),
            Self::SaleTooLarge => "sale_too_large",
            Self::Invalid(_) => "invalid",
        }
    }

    /// Whether the log has another order under the same id.
    pub fn is_reuse(&self) -> bool {
        matches!(self, Self::Rejected { reason: RejectReason::OrderIdReused, .. })
    }

    /// What kind it is.
    pub fn code(&self) -> Code {
        match self {
            Self::NotIdentified | Self::BadToken(_) => Code::Unauthenticated,
            Self::NotVerified
            | Self::RoleNeeded(_)
            | Self::PlaceNeeded(_)
            | Self::PlaceInvalid(_)
            | Self::PlaceOfAnother
            | Self::NotAdmitted(_) => Code::Forbidden,
            Self::RoomRefused { reason, .. } => match reason {
                RoomRefusal::OpeningInvalid => Code::Unprocessable,
                _ => Code::Conflict,
            },
            Self::Rejected { reason, .. } => match reason {
                RejectReason::ListingClosed | RejectReason::StockShort | RejectReason::OrderEnded => {
                    Code::Conflict
                }
                _ => Code::Unprocessable,
            },
            Self::CurrencyNeeded | Self::KeyReused | Self::Invalid(_) => Code::Unprocessable,
            Self::KeyInvalid => Code::Malformed,
            Self::TooOften { .. } => Code::TooMany,
            Self::NotReady
            | Self::Overloaded
            | Self::LogAway
            | Self::TooManyReaders
            | Self::RoomsBehind
            | Self::ArchiveAway => Code::Unavailable,
            Self::OutcomeUnknown => Code::Unknown,
            Self::Unwritable | Self::SearchFailed => Code::Internal,
            Self::People(refusal) => refusal.code(),
            Self::SaleTooLarge => Code::TooLarge,
            Self::OrderUnknown
            | Self::ListingUnknown
            | Self::SaleUnknown
            | Self::RoomUnknown
            | Self::ProductUnknown
            | Self::NotHere(_)
            | Self::NotInRoom => Code::NotFound,
        }
    }

    /// When to ask again, in seconds, where that may help.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::TooOften { retry_after_seconds } => Some(*retry_after_seconds),
            Self::RoomRefused { retry_after_seconds, .. } => *retry_after_seconds,
            Self::People(refusal) => refusal.retry_after_seconds(),
            Self::NotReady
            | Self::Overloaded
            | Self::LogAway
            | Self::OutcomeUnknown
            | Self::TooManyReaders
            | Self::RoomsBehind
            | Self::ArchiveAway => Some(RETRY_AFTER_SECONDS),
            _ => None,
        }
    }
}

/// Where it was written, or why it is not known to be.
pub(super) fn written(outcome: Outcome) -> Result<(u32, u64), Refusal> {
    match outcome {
        Outcome::Accepted { partition, offset } => Ok((partition, offset)),
        Outcome::Unknown => Err(Refusal::OutcomeUnknown),
        Outcome::Full => Err(Refusal::Overloaded),
        Outcome::Away => Err(Refusal::LogAway),
        Outcome::Unwritable => Err(Refusal::Unwritable),
    }
}

/// A refusal of a waiting room in words, for people.
fn room_detail(reason: RoomRefusal) -> String {
    let words = match reason {
        RoomRefusal::TooEarly => "the waiting room is not open yet; come back in a while",
        RoomRefusal::RoomFull => "the waiting room has as many people as it takes",
        RoomRefusal::TooManyReentries => "you have left this waiting room too often to come back",
        RoomRefusal::RoomOpen => {
            "the waiting room was opened with other settings, which cannot change; close it and open it anew"
        }
        RoomRefusal::TooManyRooms => "there are too many waiting rooms, or this one was opened too often",
        other => return other.name().replace('_', " "),
    };
    words.to_owned()
}

/// A reject in words, for people.
fn detail(reason: RejectReason) -> String {
    let words = match reason {
        RejectReason::OrderIdReused => {
            "the order id, or the Idempotency-Key, was used before for another order"
        }
        RejectReason::NoLines => "the order has no lines",
        RejectReason::TooManyLines => "the order has too many lines",
        RejectReason::QuantityNotPositive => "a quantity is zero or negative",
        RejectReason::QuantityTooLarge => "a quantity is too large",
        RejectReason::SkuRepeated => "a SKU stands in two lines",
        RejectReason::ListingUnknown => "a SKU is not listed",
        RejectReason::ListingClosed => "a listing is closed",
        RejectReason::StockShort => "a listing is sold out, and has no waitlist",
        RejectReason::OrderEnded => "the order has come to its end, or is paid for",
        RejectReason::CustomerDiffers => "the order is somebody else's",
        other => return other.name().replace('_', " "),
    };
    words.to_owned()
}
