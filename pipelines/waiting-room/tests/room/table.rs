//! What every event does, and every refusal, one row each.

use order_model::{CommandId, Seed, TimeMs};
use waiting_room::limits::{
    ADMIT_STEP_MAX, OPENINGS_MAX, PACE_MS_MIN, PARTITION_PEOPLE_MAX, REENTRIES_MAX, ROOM_LIFE_MS_MAX,
    ROOM_PEOPLE_MAX,
};
use waiting_room::{Finding, Opening, Outcome, Phase, Refusal, RoomEvent, Standing, lot_of, verify};

use crate::support::{
    CLOSES, OPENS, SEED, Script, admit, customer, enter, enter_by, leave, leave_by, name, opening, reveal,
};

/// Applies one row after the other, and shows the row that differs.
fn play(script: &mut Script, rows: &[(u64, RoomEvent, Outcome)]) {
    for (row, (time, event, expected)) in rows.iter().enumerate() {
        assert_eq!(script.at(*time, event.clone()), *expected, "row {row}: {event:?} at {time}");
    }
}

const REFUSED: fn(Refusal) -> Outcome = Outcome::Refused;

#[test]
fn an_evening_in_a_room() {
    let mut script = Script::opened();
    let (twice, other) = (PACE_MS_MIN, CommandId::from(9));
    let other_admit = RoomEvent::Admit(waiting_room::Admit {
        opening: other,
        step: 0,
        up_to: 1,
        figures: waiting_room::Figures::default(),
    });
    play(
        &mut script,
        &[
            //    time          event                                            outcome
            (2, RoomEvent::Open(opening(1)), Outcome::Repeated),
            (2, RoomEvent::Open(opening(2)), REFUSED(Refusal::RoomOpen)),
            (4_999, enter(1), REFUSED(Refusal::TooEarly)),
            (5_000, enter(1), Outcome::Entered(None)),
            (5_000, enter_by(1, 2), Outcome::Repeated),
            (5_001, leave(2), REFUSED(Refusal::NotIn)),
            (5_001, leave_by(1, 2), REFUSED(Refusal::NotIn)),
            (5_002, enter(2), Outcome::Entered(None)),
            (5_003, leave(2), Outcome::Left),
            (5_004, leave(2), Outcome::Repeated),
            (5_005, enter(2), REFUSED(Refusal::EntryEnded)),
            (5_006, enter_by(2, 2), Outcome::Entered(None)),
            (5_007, enter(3), Outcome::Entered(None)),
            (9_999, reveal(), REFUSED(Refusal::NotOpen)),
            (9_999, admit(0, 1), REFUSED(Refusal::NotOpen)),
            (OPENS, enter(4), Outcome::Entered(Some(4))),
            (OPENS, admit(0, 1), REFUSED(Refusal::NotDrawn)),
            (
                OPENS,
                RoomEvent::Reveal { opening: opening(1).id, seed: Seed([8; 32]) },
                REFUSED(Refusal::SeedWrong),
            ),
            (OPENS, RoomEvent::Reveal { opening: other, seed: SEED }, REFUSED(Refusal::OpeningUnknown)),
            (OPENS, reveal(), Outcome::Drawn(3)),
            (OPENS, reveal(), Outcome::Repeated),
            (OPENS, enter(5), Outcome::Entered(Some(5))),
            (OPENS, other_admit, REFUSED(Refusal::OpeningUnknown)),
            (OPENS, admit(1, 1), REFUSED(Refusal::StepPassed)),
            (OPENS, admit(0, 6), REFUSED(Refusal::TooFar)),
            (OPENS, admit(0, 2), Outcome::Admitted(2)),
            (OPENS, admit(0, 2), REFUSED(Refusal::StepPassed)),
            (OPENS + twice - 1, admit(1, 3), REFUSED(Refusal::TooSoon)),
            (OPENS + twice, admit(1, 1), Outcome::Admitted(2)),
            (OPENS + 2 * twice, admit(2, 4), Outcome::Admitted(4)),
            (OPENS + 2 * twice, RoomEvent::Close { opening: other }, REFUSED(Refusal::OpeningUnknown)),
            (OPENS + 2 * twice, RoomEvent::Close { opening: opening(1).id }, Outcome::Closed),
            (OPENS + 2 * twice, RoomEvent::Close { opening: opening(1).id }, Outcome::Repeated),
            (OPENS + 2 * twice, enter(6), REFUSED(Refusal::NoRoom)),
            (OPENS + 2 * twice, RoomEvent::Open(opening(1)), Outcome::Repeated),
            (OPENS + 2 * twice, RoomEvent::Open(opening(2)), Outcome::Opened),
        ],
    );
    assert_eq!(script.standing(1), Standing::Unknown, "a new opening is a new room");
}

#[test]
fn the_draw_is_the_order_of_the_lots() {
    let mut script = Script::opened();
    for number in 0..100 {
        script.at(6_000, enter(number));
    }
    script.at(OPENS, enter(1_000));
    assert_eq!(script.standing(5), Standing::ToBeDrawn);
    assert_eq!(script.waits(1_000), (101, 100), "who comes later knows the place before the draw");
    assert_eq!(script.at(OPENS, reveal()), Outcome::Drawn(100));
    let mut expected: Vec<_> = (0..100).collect();
    expected.sort_by_key(|number| lot_of(&SEED, &customer(*number)));
    assert_ne!(expected, (0..100).collect::<Vec<_>>());
    for (place, number) in (1..).zip(expected) {
        assert_eq!(script.waits(number), (place, place - 1));
    }
}

#[test]
fn who_leaves_is_skipped_and_who_comes_back_is_last() {
    let mut script = Script::opened();
    for number in 0..10 {
        script.at(6_000, enter(number));
    }
    script.at(OPENS, enter(10));
    // One of the drawn leaves before anybody knows the place, and comes back before that.
    script.at(OPENS, leave(3));
    assert_eq!(script.waits(10), (11, 9));
    assert_eq!(script.at(OPENS, enter_by(3, 2)), Outcome::Entered(Some(12)));
    assert_eq!(script.waits(3), (12, 10));
    script.at(OPENS, reveal());
    assert_eq!(script.waits(3), (12, 10), "the place at the end stays");
    assert_eq!(script.waits(10), (11, 9));
    let mut places: Vec<_> =
        (0..10).filter(|number| *number != 3).map(|number| script.waits(number)).collect();
    places.sort_unstable();
    let ahead: Vec<_> = places.iter().map(|(_, ahead)| *ahead).collect();
    assert_eq!(ahead, (0..9).collect::<Vec<_>>(), "nobody is counted who is not there: {places:?}");
    // And one who waits at the end.
    assert_eq!(script.at(OPENS + 1, leave(10)), Outcome::Left);
    assert_eq!(script.standing(10), Standing::Left);
    assert_eq!(script.waits(3), (12, 9));
    assert_eq!(script.at(OPENS + 1, enter_by(10, 2)), Outcome::Entered(Some(13)));
    let report = verify(&script.room, &script.events).unwrap();
    assert_eq!(report.findings, []);
    assert_eq!((report.drawn.len(), report.queued, report.left), (10, 3, 2));
}

#[test]
fn admission_counts_people_not_places() {
    let mut script = Script::opened();
    for number in 0..2_000 {
        script.at(OPENS, enter(number));
    }
    for number in (0..2_000).step_by(2) {
        script.at(OPENS, leave(number));
    }
    let room = script.rooms.get(&script.room).unwrap();
    assert_eq!((room.place_after(0), room.place_after(1), room.place_after(500)), (0, 2, 1_000));
    assert_eq!(room.place_after(5_000), 2_000, "no further than there are places");
    script.at(OPENS, admit(0, 1_000));
    let summary = script.summary();
    assert_eq!((summary.people, summary.waiting, summary.admitted), (1_000, 500, 1_000));
    assert_eq!(script.standing(1), Standing::Admitted { place: 2 });
    assert_eq!(script.waits(1_001), (1_002, 0));
    assert_eq!(script.waits(1_999), (2_000, 499));
}

#[test]
fn openings_that_cannot_be() {
    let day_ms = 24 * 3_600_000;
    let change = |change: fn(&mut Opening)| {
        let mut settings = opening(1);
        change(&mut settings);
        settings
    };
    let cases = [
        ("nobody may come", change(|settings| settings.people_max = 0)),
        ("too many may come", change(|settings| settings.people_max = ROOM_PEOPLE_MAX + 1)),
        ("closes as it opens", change(|settings| settings.closes_at = settings.opens_at)),
        ("is over", change(|settings| (settings.opens_at, settings.closes_at) = (TimeMs(1), TimeMs(2)))),
        ("a window from before time", change(|settings| settings.window_ms = OPENS + 1)),
        ("open for too long", change(|settings| settings.closes_at = TimeMs(ROOM_LIFE_MS_MAX + 3))),
    ];
    for (what, settings) in cases {
        let mut script = Script::new();
        assert_eq!(script.at(2, RoomEvent::Open(settings)), REFUSED(Refusal::OpeningInvalid), "{what}");
    }
    let mut script = Script::new();
    let longest = change(|settings| settings.closes_at = TimeMs(ROOM_LIFE_MS_MAX + 2));
    assert_eq!(script.at(2, RoomEvent::Open(longest)), Outcome::Opened);
    assert!(day_ms < ROOM_LIFE_MS_MAX);
}

#[test]
fn limits_are_kept() {
    let mut script = Script::new();
    let small = Opening { people_max: 2, ..opening(1) };
    script.at(1, RoomEvent::Open(small));
    for (number, expected) in
        [(1, Outcome::Entered(Some(1))), (2, Outcome::Entered(Some(2))), (3, REFUSED(Refusal::RoomFull))]
    {
        assert_eq!(script.at(OPENS, enter(number)), expected);
    }
    let mut by = 1;
    for _ in 0..REENTRIES_MAX {
        assert_eq!(script.at(OPENS, leave_by(1, by)), Outcome::Left);
        by += 1;
        assert!(matches!(script.at(OPENS, enter_by(1, by)), Outcome::Entered(Some(_))));
    }
    script.at(OPENS, leave_by(1, by));
    assert_eq!(script.at(OPENS, enter_by(1, by + 1)), REFUSED(Refusal::TooManyReentries));

    let mut script = Script::opened();
    for number in 0..ADMIT_STEP_MAX + 1 {
        script.at(OPENS, enter(number));
    }
    assert_eq!(script.at(OPENS, admit(0, ADMIT_STEP_MAX + 1)), REFUSED(Refusal::TooFar));
    assert_eq!(script.rooms.get(&script.room).unwrap().place_after(u32::MAX), ADMIT_STEP_MAX);
}

#[test]
fn rooms_are_bounded_together_and_each_over_time() {
    let mut script = Script::new();
    let fit = PARTITION_PEOPLE_MAX / u64::from(ROOM_PEOPLE_MAX);
    for number in 0..u32::try_from(fit).unwrap() {
        script.room = name(&format!("sale {number}"));
        let settings = Opening { people_max: ROOM_PEOPLE_MAX, ..opening(number) };
        assert_eq!(script.at(1, RoomEvent::Open(settings)), Outcome::Opened);
    }
    script.room = name("one too many");
    assert_eq!(script.at(1, RoomEvent::Open(opening(99))), REFUSED(Refusal::TooManyRooms));
    assert_eq!(script.at(1, enter(1)), REFUSED(Refusal::NoRoom));
    // Closed by time alone, though nobody speaks of them any more.
    let late = Opening { opens_at: TimeMs(CLOSES + 1), closes_at: TimeMs(CLOSES + 2), ..opening(99) };
    assert_eq!(script.at(CLOSES, RoomEvent::Open(late)), Outcome::Opened);

    let mut script = Script::new();
    for number in 0..u32::try_from(OPENINGS_MAX).unwrap() {
        assert_eq!(script.at(1, RoomEvent::Open(opening(number))), Outcome::Opened);
        assert_eq!(script.at(1, RoomEvent::Close { opening: opening(number).id }), Outcome::Closed);
    }
    assert_eq!(script.at(1, RoomEvent::Open(opening(1_000))), REFUSED(Refusal::TooManyRooms));
}

#[test]
fn time_never_runs_backwards() {
    let mut script = Script::opened();
    script.at(6_000, enter(1));
    let mut other = Script::new();
    other.rooms = std::mem::take(&mut script.rooms);
    // A record of another room brings the opening; what comes later with an earlier stamp is late all the same.
    let elsewhere = order_model::Position {
        partition: order_model::Partition(0),
        offset: order_model::Offset(100),
        time: TimeMs(OPENS),
    };
    other.rooms.apply(elsewhere, &name("another"), &enter(9));
    script.rooms = other.rooms;
    assert_eq!(script.at(9_000, enter(2)), Outcome::Entered(Some(2)));
}

#[test]
fn phases_follow_each_other() {
    let mut script = Script::opened();
    assert_eq!(script.summary().phase, Phase::Announced);
    script.at(5_000, enter(1));
    assert_eq!(script.summary().phase, Phase::Gathering);
    script.at(OPENS, enter(2));
    assert_eq!(script.summary().phase, Phase::Drawing);
    script.at(OPENS, reveal());
    assert_eq!(script.summary().phase, Phase::Admitting);
    script.at(CLOSES, enter(3));
    assert_eq!(script.rooms.get(&script.room).unwrap().summary(), None);

    // Nobody came before the opening: there is nothing to draw, and nothing to wait for.
    let mut script = Script::opened();
    script.at(OPENS, enter(1));
    assert_eq!(script.summary().phase, Phase::Admitting);
    assert_eq!(script.at(OPENS, admit(0, 1)), Outcome::Admitted(1));
}

#[test]
fn a_seed_that_does_not_come_is_found() {
    let mut script = Script::opened();
    script.at(6_000, enter(1));
    script.at(OPENS, enter(2));
    let report = verify(&script.room, &script.events).unwrap();
    assert_eq!(report.findings, [Finding::NotRevealed(1)]);
    assert_eq!(verify(&name("no such room"), &script.events), None);
}

#[test]
fn a_seed_that_comes_before_the_opening_is_found() {
    let mut script = Script::opened();
    script.at(6_000, enter(1));
    assert_eq!(script.at(OPENS - 1, reveal()), REFUSED(Refusal::NotOpen));
    let told_at = script.events.last().unwrap().0.offset;
    let wrong = RoomEvent::Reveal { opening: opening(1).id, seed: Seed([8; 32]) };
    assert_eq!(script.at(OPENS - 1, wrong), REFUSED(Refusal::NotOpen));
    // Who has read it there may still choose when and as whom to enter: what is drawn then is no draw.
    script.at(OPENS - 1, enter(2));
    assert_eq!(script.at(OPENS, reveal()), Outcome::Drawn(2));
    let report = verify(&script.room, &script.events).unwrap();
    assert_eq!(report.findings, [Finding::SeedTooEarly(told_at)]);
}
