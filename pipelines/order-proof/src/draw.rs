//! The proof of one draw: short enough to be followed by hand, from two topics and BLAKE3.
//!
//! 1. The command that opened the listing carries a commitment; the seed revealed later hashes to it.
//! 2. Whoever placed an order for the listing between the two entered the draw, or was told why not; nobody else did.
//! 3. The entries are decided in the order of BLAKE3(seed, order id), each once, and before whoever came later.
//!
//! Promised: it rests on no ledger and no auditor. Not promised: that there was stock for so many winners, and that who
//! was told why not was told the truth: that is for [`crate::prove`].

use std::collections::{BTreeMap, HashMap};

use order_model::{
    Command, Commitment, Decision, Event, ListingChange, ListingEvent, ListingEventKind, Offset, OrderEvent,
    OrderEventKind, OrderId, Partition, RelayBody, Seed, Sequence, Sku, partition_of,
};

use crate::ProofParts;
use crate::audit::believed;
use crate::cursor::Cursor;
use crate::error::ProofError;

/// Most problems a proof of a draw tells word for word; the rest is counted.
pub const DRAW_PROBLEMS_KEPT_MAX: usize = 20;

/// What a log proves about a draw.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DrawProof {
    /// The listing.
    pub sku: Sku,
    /// The commitment of the command that opened it; `None` when it is not drawn, or not there.
    pub commitment: Option<Commitment>,
    /// The seed that was revealed.
    pub seed: Option<Seed>,
    /// How many entered.
    pub entries: u64,
    /// How many of them withdrew before their turn.
    pub withdrawn: u64,
    /// The others as they were decided, in that order.
    pub decided: Vec<DrawnOrder>,
    /// What is wrong, at most [`DRAW_PROBLEMS_KEPT_MAX`].
    pub problems: Vec<String>,
    /// How many problems there are.
    pub problem_count: u64,
}

/// An order that was drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DrawnOrder {
    /// The order.
    pub order: OrderId,
    /// BLAKE3(seed, order id); all zero without a seed.
    pub rank: [u8; 32],
    /// What it got.
    pub outcome: OrderEventKind,
    /// The number of that decision.
    pub sequence: Sequence,
}

impl DrawProof {
    /// Whether nothing is wrong.
    pub fn holds(&self) -> bool {
        self.problem_count == 0
    }
}

/// Proves the draw of a listing, reading its partition alone. Blocks.
pub fn prove_draw(parts: &ProofParts, sku: &Sku) -> Result<DrawProof, ProofError> {
    let (log, topics) = (parts.log.as_ref(), &parts.topics);
    let partition = partition_of(sku, log.partitions(&topics.orders)?);
    let mut witness = Witness::new(*sku);
    let end = log.bounds(&topics.decisions, partition.0)?.end;
    let mut decisions = Cursor::open(log, &topics.decisions, partition.0, end, parts.batch)?;
    while let Some(batch) = decisions.next()? {
        for record in batch.iter().take_while(|record| record.offset < end) {
            let decision = parts.codec.decision_from(record.value.unwrap_or_default());
            witness.decision(&decision.map_err(|source| ProofError::Decision {
                topic: topics.decisions.to_string(),
                partition: partition.0,
                offset: record.offset,
                source,
            })?);
        }
    }
    show_commands(parts, partition, &mut witness)?;
    Ok(witness.finish())
}

fn show_commands(parts: &ProofParts, partition: Partition, witness: &mut Witness) -> Result<(), ProofError> {
    let (log, topics) = (parts.log.as_ref(), &parts.topics);
    let verdicts = order_worker::verdicts(log, &parts.codec, topics, partition.0)?;
    let end = log.bounds(&topics.orders, partition.0)?.end;
    let mut orders = Cursor::open(log, &topics.orders, partition.0, end, parts.batch)?;
    while let Some(batch) = orders.next()? {
        for record in batch.iter().take_while(|record| record.offset < end) {
            if let Some(command) = believed(parts, &verdicts, partition.0, &record)? {
                witness.command(Offset(record.offset), &command);
            }
        }
    }
    Ok(())
}

/// An order that entered, by the decisions.
struct Entry {
    /// The record that placed it.
    offset: Offset,
    /// Whether that record was seen.
    placed: bool,
    outcome: Option<(OrderEventKind, Sequence)>,
}

/// Who is shown first all decisions of the partition, then all commands.
struct Witness {
    sku: Sku,
    last: Sequence,
    /// By decision: commitment and record of the opening, seed and record of the reveal.
    opened: Option<(Option<Commitment>, Offset)>,
    revealed: Option<(Option<Seed>, Offset)>,
    closed: bool,
    /// By command.
    commitment: Option<Commitment>,
    seed: Option<Seed>,
    entries: HashMap<OrderId, Entry>,
    /// Orders by the record that first said anything about them.
    answered: HashMap<OrderId, Offset>,
    decided: BTreeMap<Sequence, OrderId>,
    problems: Vec<String>,
    problem_count: u64,
}

impl Witness {
    fn new(sku: Sku) -> Self {
        Self {
            sku,
            last: Sequence(0),
            opened: None,
            revealed: None,
            closed: false,
            commitment: None,
            seed: None,
            entries: HashMap::new(),
            answered: HashMap::new(),
            decided: BTreeMap::new(),
            problems: Vec::new(),
            problem_count: 0,
        }
    }

    fn problem(&mut self, text: String) {
        self.problem_count += 1;
        if self.problems.len() < DRAW_PROBLEMS_KEPT_MAX {
            self.problems.push(text);
        }
    }

    fn decision(&mut self, decision: &Decision) {
        if decision.sequence <= self.last {
            return;
        }
        if decision.sequence != self.last.next() {
            let after = self.last;
            self.problem(format!(
                "decision {} follows decision {after}: some are missing",
                decision.sequence
            ));
        }
        self.last = decision.sequence;
        match &decision.event {
            Event::Listing(event) if event.sku == self.sku => self.listing(decision, event),
            Event::Order(event) if event.lines.iter().any(|line| line.sku == self.sku) => {
                self.order(decision, event);
            }
            _ => {}
        }
    }

    fn listing(&mut self, decision: &Decision, event: &ListingEvent) {
        match event.kind {
            ListingEventKind::Opened => {
                let commitment = event.settings.as_ref().and_then(|settings| settings.draw);
                self.opened = Some((commitment, decision.offset));
            }
            ListingEventKind::Revealed => self.revealed = Some((event.seed, decision.offset)),
            ListingEventKind::Closed => self.closed = true,
            _ => {}
        }
    }

    fn order(&mut self, decision: &Decision, event: &OrderEvent) {
        self.answered.entry(event.order).or_insert(decision.offset);
        if event.kind == OrderEventKind::Entered {
            if self.revealed.is_some() {
                self.problem(format!("order {} entered after the reveal", event.order));
            }
            let entry = Entry { offset: decision.offset, placed: false, outcome: None };
            if self.entries.insert(event.order, entry).is_some() {
                self.problem(format!("order {} entered twice", event.order));
            }
            return;
        }
        let (revealed, closed) = (self.revealed.is_some(), self.closed);
        let Some(entry) = self.entries.get_mut(&event.order).filter(|entry| entry.outcome.is_none()) else {
            return;
        };
        let is_outcome = matches!(
            event.kind,
            OrderEventKind::Held
                | OrderEventKind::Waiting
                | OrderEventKind::TurnedAway
                | OrderEventKind::Cancelled
        );
        if !is_outcome {
            return;
        }
        entry.outcome = Some((event.kind, decision.sequence));
        if event.kind == OrderEventKind::Cancelled {
            return;
        }
        self.decided.insert(decision.sequence, event.order);
        if !revealed && !closed {
            self.problem(format!("order {} is decided before the seed is revealed", event.order));
        }
    }

    fn command(&mut self, offset: Offset, command: &Command) {
        match command {
            Command::Relay(relay) => match &relay.body {
                RelayBody::Forward(command) if !matches!(**command, Command::Relay(_)) => {
                    self.command(offset, command);
                }
                _ => {}
            },
            Command::Listing(listing) if listing.sku == self.sku => match &listing.change {
                ListingChange::Open { settings, .. } if self.opened_at(offset) => {
                    self.commitment = settings.draw
                }
                ListingChange::Reveal { seed } if self.revealed_at(offset) => self.seed = Some(*seed),
                _ => {}
            },
            Command::Place(place) => {
                if let [line] = place.lines.as_slice()
                    && line.sku == self.sku
                {
                    self.placed(offset, place.order);
                }
            }
            _ => {}
        }
    }

    fn opened_at(&self, offset: Offset) -> bool {
        self.opened.is_some_and(|(_, at)| at == offset)
    }

    fn revealed_at(&self, offset: Offset) -> bool {
        self.revealed.is_some_and(|(_, at)| at == offset)
    }

    /// An order for this listing alone: in the window it has to have an answer. One of its id may have it already.
    fn placed(&mut self, offset: Offset, order: OrderId) {
        if let Some(entry) = self.entries.get_mut(&order) {
            entry.placed |= entry.offset == offset;
        }
        let after_opening = self.opened.is_some_and(|(_, opened)| opened < offset);
        let before_reveal = self.revealed.is_some_and(|(_, revealed)| offset < revealed);
        let answered = self.answered.get(&order).is_some_and(|answered| *answered <= offset);
        if after_opening && before_reveal && !answered {
            self.problem(format!("order {order} was placed in the window and is not among the entries"));
        }
    }

    fn finish(mut self) -> DrawProof {
        let (commitment, seed) = (self.commitment, self.seed);
        self.check_seed();
        let strangers: Vec<_> =
            self.entries.iter().filter(|(_, entry)| !entry.placed).map(|(order, _)| *order).collect();
        for order in strangers {
            self.problem(format!("order {order} entered, but the record it names did not place it"));
        }
        self.check_order();
        let outcome = |order: &OrderId| self.entries.get(order).and_then(|entry| entry.outcome);
        let drawn = |(sequence, order): (&Sequence, &OrderId)| {
            let (outcome, _) = outcome(order)?;
            let rank = seed.map_or([0; 32], |seed| rank(&seed, order));
            Some(DrawnOrder { order: *order, rank, outcome, sequence: *sequence })
        };
        let decided = self.decided.iter().filter_map(drawn).collect();
        let cancelled = |entry: &&Entry| matches!(entry.outcome, Some((OrderEventKind::Cancelled, _)));
        let withdrawn = crate::count(self.entries.values().filter(cancelled).count());
        let entries = crate::count(self.entries.len());
        let Self { sku, mut problems, problem_count, .. } = self;
        problems.sort_unstable();
        DrawProof { sku, commitment, seed, entries, withdrawn, decided, problems, problem_count }
    }

    fn check_seed(&mut self) {
        let said = self.opened.and_then(|(commitment, _)| commitment);
        let Some(commitment) = self.commitment else {
            let text = match self.opened {
                None => format!("no decision opened {}", self.sku),
                Some(_) => format!("the command that opened {} carries no commitment", self.sku),
            };
            return self.problem(text);
        };
        if said != Some(commitment) {
            self.problem(format!("the opening was decided with {said:?}, its command says {commitment}"));
        }
        let Some((revealed, _)) = self.revealed else {
            return self.problem(match self.closed {
                true => "the listing closed, and its seed was never revealed: everybody was turned away"
                    .to_owned(),
                false => "the seed has not been revealed yet".to_owned(),
            });
        };
        match self.seed {
            None => self.problem("no believable command revealed the seed".to_owned()),
            Some(seed) if Some(seed) != revealed => {
                self.problem(format!("the reveal was decided with {revealed:?}, its command says {seed}"));
            }
            Some(seed) if *blake3::hash(&seed.0).as_bytes() != commitment.0 => {
                self.problem(format!("BLAKE3 of the seed {seed} is not the commitment"));
            }
            Some(_) => {}
        }
    }

    /// The entries that did not withdraw, by rank, are the decided ones, by number.
    fn check_order(&mut self) {
        let Some(seed) = self.seed else { return };
        let stays = |entry: &Entry| !matches!(entry.outcome, Some((OrderEventKind::Cancelled, _)));
        let staying = self.entries.iter().filter(|(_, entry)| stays(entry));
        let mut right: Vec<_> = staying.map(|(order, _)| (rank(&seed, order), *order)).collect();
        right.sort_unstable();
        let left = right.len() - self.decided.len().min(right.len());
        if left > 0 {
            self.problem(format!("{left} entries are not decided (a worker may not have got there yet)"));
        }
        let wrong = right.iter().zip(self.decided.values()).enumerate();
        let wrong: Vec<_> = wrong
            .filter(|(_, ((_, right), decided))| right != *decided)
            .map(|(place, ((_, right), decided))| {
                format!("place {} of the draw is order {right}, decided was order {decided}", place + 1)
            })
            .collect();
        wrong.into_iter().for_each(|text| self.problem(text));
    }
}

/// What the entries are ordered by: anybody can compute it.
fn rank(seed: &Seed, order: &OrderId) -> [u8; 32] {
    *blake3::Hasher::new().update(&seed.0).update(&order.0).finalize().as_bytes()
}
