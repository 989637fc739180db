//! The waiting room: places, the draw, admission at the pace of the pipeline.
//!
//! A room is a deterministic state machine over the records of the topic `rooms` that have its name as their key. Gateways
//! append what customers do, and any of them reveals the seed and paces; every one follows the topic and has the same room.
//!
//! It promises: the same log gives the same places on every gateway, bit for bit ([`RoomCertificate`]). Places are dense
//! and distinct; a customer has one. Whoever enters before the opening has a place drawn at it, by a seed that was committed
//! to before anybody entered; whoever enters later queues behind, in order of the log. An admission is a place and a number
//! of its turn, so that it does not matter how many gateways say it. Memory is bounded, and told in bytes a person.
//!
//! It knows no HTTP, no account and no order. [`Room`], [`people_to_admit`] and [`verify`] know no clock, no randomness and no
//! I/O. It does not know who may enter: whoever appends has asked. It does not promise that those who have the key of the
//! seed keep silent about the draw.

mod codec;
mod event;
mod follower;
mod hall;
mod keeper;
pub mod limits;
mod meter;
mod name;
mod notary;
mod outcome;
mod pace;
mod people;
mod places;
mod plan;
mod proof;
mod rate;
mod room;
mod rooms;
mod seed;
mod standing;
mod token;
mod topic;
mod writer;

pub use codec::{EventError, RoomCodec, decode_event, encode_event};
pub use event::{Admit, EntryId, Figures, Opening, RoomEvent};
pub use follower::{FollowerStatus, FollowerStopped, Look, RoomFollower, RoomView};
pub use keeper::{Keeper, PipelineSource};
pub use meter::{Meter, Pipeline};
pub use name::{RoomName, RoomNameError};
pub use notary::RoomCertificate;
pub use outcome::{Outcome, Refusal};
pub use pace::{LastAdmission, PaceTarget, people_to_admit};
pub use places::Ordered;
pub use plan::{PlanError, RoomPlan};
pub use proof::{Finding, ProofError, Report, prove, verify};
pub use rate::Eta;
pub use room::Room;
pub use rooms::Rooms;
pub use seed::{commitment_to, lot_of, new_seed, seed_of};
pub use standing::{Outlook, Phase, Standing, Summary};
pub use token::{RoomToken, TokenError};
pub use topic::RoomTopic;
pub use writer::{Accepted, RoomWriter, WriteError};
