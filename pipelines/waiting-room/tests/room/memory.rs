//! What a person costs, by the room's own count of what it holds.

use order_model::{Offset, Partition, Position, TimeMs};
use waiting_room::limits::PERSON_BYTES_MAX;
use waiting_room::{Room, RoomEvent};

use crate::support::{OPENS, enter, name, opening};

/// At the worst moment the index has just grown; so every size is looked at that a doubling could fall on.
#[test]
fn a_person_costs_no_more_than_is_said() {
    let mut room = Room::new(name("sale"));
    let mut offset = 0;
    let mut apply = |time: u64, event: RoomEvent| {
        let at = Position { partition: Partition(0), offset: Offset(offset), time: TimeMs(time) };
        offset += 1;
        room.apply(at, &event);
        room.bytes()
    };
    apply(1, RoomEvent::Open(opening(1)));
    let mut most = 0;
    for number in 0..300_000 {
        let bytes = apply(if number < 150_000 { 6_000 } else { OPENS }, enter(number));
        let people = usize::try_from(number + 1).unwrap();
        // Few people do not fill the first chunks.
        if people >= 20_000 {
            most = most.max(bytes.div_ceil(people));
        }
    }
    // The draw sorts lots of 16 bytes for a moment, one for each who is drawn.
    assert!(most + 16 <= PERSON_BYTES_MAX, "{most} bytes a person");
    assert!(most >= 32, "{most} bytes a person are too few to be true");
}
