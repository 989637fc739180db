//! Rows of output: what the topics hold, for people and for programs.
//!
//! Amounts are minor units in JSON and decimals in tables; times are RFC 3339; ids are UUIDs.

mod command;
mod decision;
mod numbers;
mod record;
mod room;

pub use command::{AskedLine, CommandView, SettingsView};
pub use decision::{DecisionView, LineView, StockView};
pub use numbers::Numbers;
pub use record::{Content, DecisionContent, LetterContent, RecordRow};
pub use room::RoomEventView;
