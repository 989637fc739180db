//! The name of a room: that of its sale.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::limits::ROOM_NAME_BYTES_MAX;

/// Why a text is not the name of a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a room's name is 1 to {ROOM_NAME_BYTES_MAX} bytes of UTF-8 without control characters")]
pub struct RoomNameError;

/// The name of a room, which is the name of its sale. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName(Arc<str>);

impl RoomName {
    /// Reads a name from bytes, such as the key of a record.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RoomNameError> {
        std::str::from_utf8(bytes).map_err(|_| RoomNameError)?.parse()
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// So that a room is found by the name of its sale as it stands.
impl Borrow<str> for RoomName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoomName {
    type Err = RoomNameError;

    fn from_str(text: &str) -> Result<Self, RoomNameError> {
        let fits = (1..=ROOM_NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
        if fits { Ok(Self(text.into())) } else { Err(RoomNameError) }
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}
