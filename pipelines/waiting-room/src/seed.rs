//! Seeds: where they come from, and what they do to the order of a draw.
//!
//! Every gateway that has the key can derive the seed of an opening, so any of them may reveal it and none is needed.
//! Whoever has the key can know the draw beforehand; what nobody can do is change it once the commitment is in the log.

use order_codec::KeyRing;
use order_model::{CommandId, Commitment, CustomerId, Seed, TimeMs};

use crate::event::Opening;
use crate::name::RoomName;

/// What the secrets are derived for.
const PURPOSE: &str = "seed of a waiting room's draw";

/// The seed of a new opening by the key that signs at `now`: the key's id, and the seed. `None` when no key is valid.
pub fn new_seed(ring: &KeyRing, now: TimeMs, room: &RoomName, opening: CommandId) -> Option<(u32, Seed)> {
    ring.secret_at(now, PURPOSE, &input(room, opening)).map(|(key, secret)| (key, Seed(secret)))
}

/// The seed of an opening, derived again; `None` when the ring lacks the key or it does not give the seed committed to.
pub fn seed_of(ring: &KeyRing, room: &RoomName, opening: &Opening) -> Option<Seed> {
    let seed = Seed(ring.secret_by(opening.seed_key, PURPOSE, &input(room, opening.id))?);
    (commitment_to(&seed) == opening.commitment).then_some(seed)
}

/// The commitment to a seed: its BLAKE3.
pub fn commitment_to(seed: &Seed) -> Commitment {
    Commitment(*blake3::hash(&seed.0).as_bytes())
}

/// What a draw is ordered by, smallest first: BLAKE3 of the seed's bytes and then the customer's.
pub fn lot_of(seed: &Seed, customer: &CustomerId) -> [u8; 32] {
    let mut bytes = [0; 48];
    let (head, tail) = bytes.split_at_mut(32);
    head.copy_from_slice(&seed.0);
    tail.copy_from_slice(&customer.0);
    *blake3::hash(&bytes).as_bytes()
}

/// The id has a fixed length and goes first, so that no byte can move between the two.
fn input(room: &RoomName, opening: CommandId) -> Vec<u8> {
    let mut input = opening.0.to_vec();
    input.extend_from_slice(room.as_str().as_bytes());
    input
}
