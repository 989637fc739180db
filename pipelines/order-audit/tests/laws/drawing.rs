//! A draw: three enter for one unit and one place on the waitlist.

use order_audit::Law;
use order_model::*;

use crate::story::*;
use LineState::{Awaited, Taken};
use OrderEventKind::{Entered, Held, TurnedAway, Waiting};

const SEED: Seed = Seed([7; 32]);

fn drawn_settings() -> ListingSettings {
    let draw = Some(Commitment(blake3::hash(&SEED.0).into()));
    ListingSettings { draw, waitlist_max: 1, ..settings() }
}

/// The three orders as the seed has them.
fn ranked() -> [u128; 3] {
    let mut orders = [1, 2, 3];
    orders.sort_by_key(|order| *blake3::hash(&[SEED.0.as_slice(), &order_id(*order).0].concat()).as_bytes());
    orders
}

fn d(state: LineState, price: i64, counts: Counts) -> DecidedLine {
    line("d", 1, state, price, Some(counts))
}

/// The numbers of the decisions stand at the right.
fn story() -> Story {
    let mut s = Story::new(1);
    let mut opened = listed(ListingEventKind::Opened, 1, "d", 1, (1, 0, 0, 0));
    if let Event::Listing(event) = &mut opened {
        event.settings = Some(drawn_settings());
    }
    s.record(0, 100, open(1, "d", drawn_settings(), 1), vec![opened]); // 1
    for number in 1..=3 {
        let entered = event(Entered, number.into(), number.into(), &[d(Awaited, 0, (1, 0, 0, number))]);
        s.record(
            0,
            110,
            place(number.into(), number.into(), false, &[("d", 1)]),
            vec![Event::Order(entered)],
        ); // 2, 3, 4
    }
    let mut revealed = listed(ListingEventKind::Revealed, 2, "d", 0, (1, 0, 0, 3));
    if let Event::Listing(event) = &mut revealed {
        event.seed = Some(SEED);
    }
    let [first, second, third] = ranked();
    let decided = vec![
        revealed,                                                                     // 5
        until(1_200, event(Held, first, first, &[d(Taken, 1_000, (0, 1, 0, 2))])),    // 6
        Event::Order(event(Waiting, second, second, &[d(Awaited, 0, (0, 1, 0, 2))])), // 7
        because(RejectReason::WaitlistFull, event(TurnedAway, third, third, &[d(Awaited, 0, (0, 1, 0, 1))])), // 8
    ];
    s.record(0, 200, listing(2, "d", ListingChange::Reveal { seed: SEED }), decided);
    s.record(0, 210, Some(Command::Tick), vec![]);
    s
}

/// Another order in the place of the one a decision is about.
fn put(s: &mut Story, sequence: u64, order: u128) {
    let event = s.order(0, sequence);
    (event.order, event.customer) = (order_id(order), customer(order));
}

fn swap_winners(s: &mut Story) {
    let [first, second, _] = ranked();
    put(s, 6, second);
    put(s, 7, first);
}

fn wrong_seed(s: &mut Story) {
    let wrong = Seed([8; 32]);
    *s.command(0, 4) = listing(2, "d", ListingChange::Reveal { seed: wrong });
    if let Event::Listing(event) = &mut s.decision(0, 5).event {
        event.seed = Some(wrong);
    }
}

pub(crate) const MUTATIONS: &[Mutation] = &[
    ("winners swapped", Law::DrawOrder, swap_winners),
    ("another seed than was committed to", Law::DrawSeed, wrong_seed),
    ("no seed at all", Law::DrawSeed, |s| {
        if let Event::Listing(event) = &mut s.decision(0, 5).event {
            event.seed = None;
        }
    }),
    ("another seed than the command says", Law::ListingLife, |s| {
        *s.command(0, 4) = listing(2, "d", ListingChange::Reveal { seed: Seed([8; 32]) });
    }),
    ("an entry that is never decided", Law::DrawComplete, |s| s.drop_decision(0, 8)),
    ("an entry that was dropped", Law::Lost, |s| s.drop_decision(0, 2)),
    ("a stranger in the place of an entry", Law::Uncaused, |s| {
        s.drop_decision(0, 2);
        put(s, 5, 9);
    }),
    ("entered after the reveal", Law::DrawWindow, |s| {
        let entered = event(Entered, 4, 4, &[d(Awaited, 0, (0, 1, 0, 2))]);
        s.record(0, 220, place(4, 4, false, &[("d", 1)]), vec![Event::Order(entered)]);
    }),
    ("held in the window", Law::DrawWindow, |s| {
        *s.order(0, 2) = match until(1_110, event(Held, 1, 1, &[d(Taken, 1_000, (0, 1, 0, 0))])) {
            Event::Order(event) => event,
            _ => unreachable!(),
        };
    }),
    ("decided before the reveal", Law::DrawWindow, |s| {
        let held = until(1_110, event(Held, 3, 3, &[d(Taken, 1_000, (0, 1, 0, 2))]));
        s.insert(0, 3, held);
    }),
    ("turned away though a unit is there", Law::RefusedWrongly, |s| {
        let [first, ..] = ranked();
        let away = event(TurnedAway, first, first, &[d(Awaited, 0, (1, 0, 0, 2))]);
        s.decision(0, 6).event = because(RejectReason::NotDrawn, away);
    }),
    ("held though no unit is there", Law::Oversold, |s| {
        let [_, second, _] = ranked();
        s.decision(0, 7).event = until(1_200, event(Held, second, second, &[d(Taken, 1_000, (0, 2, 0, 1))]));
    }),
];

#[test]
fn the_story_keeps_every_law() {
    let report = story().audit();
    assert!(report.holds(), "{report}");
    assert_eq!((report.numbers.entered, report.numbers.accepted, report.numbers.waitlisted), (3, 1, 1));
    let report = story().audit_decisions();
    assert!(report.holds(), "{report}");
}

#[test]
fn mutations_are_found() {
    check(story, MUTATIONS);
}
