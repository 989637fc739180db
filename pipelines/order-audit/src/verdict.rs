//! What has to become of an order that is placed, or of a ledger's part of it, by the auditor's own count.

use order_model::{Currency, CustomerId, DecidedLine, LineState, OrderEventKind, RejectReason, Sku, limits};

use crate::law::Law;
use crate::shared::At;
use crate::stock::{Listing, Shelf, Slot};

/// A line as it was asked for, and what the auditor makes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) sku: Sku,
    pub(crate) quantity: i32,
    /// Whether the SKU is this ledger's.
    pub(crate) own: bool,
    pub(crate) slot: Option<Slot>,
    pub(crate) state: LineState,
    /// Why the line by itself cannot be had.
    pub(crate) why: Option<RejectReason>,
    pub(crate) short: Short,
}

impl Asked {
    pub(crate) fn new(sku: Sku, quantity: i32, own: bool) -> Self {
        Self { sku, quantity, own, slot: None, state: LineState::Asked, why: None, short: Short::No }
    }

    fn refusal(&self) -> Option<RejectReason> {
        if self.why.is_none() && self.short != Short::No { Some(RejectReason::StockShort) } else { self.why }
    }
}

/// Whether a line is short, and for which of two reasons.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Short {
    No,
    /// Too few units are free.
    Units,
    /// Others wait already.
    Queue,
}

/// Who asks, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    pub(crate) customer: CustomerId,
    pub(crate) currency: Currency,
    pub(crate) partial: bool,
    pub(crate) blocked: bool,
    /// Whether the order has one line and no more.
    pub(crate) alone: bool,
}

/// What has to be decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Verdict {
    pub(crate) kind: OrderEventKind,
    pub(crate) reason: Option<RejectReason>,
}

impl Verdict {
    fn rejected(reason: RejectReason) -> Self {
        Self { kind: OrderEventKind::Rejected, reason: Some(reason) }
    }

    fn yes(kind: OrderEventKind) -> Self {
        Self { kind, reason: None }
    }
}

/// The reasons about the order as a whole.
fn whole_order(asker: &Asker, lines: &[Asked]) -> Option<RejectReason> {
    let too_large = |line: &Asked| u32::try_from(line.quantity).is_ok_and(|q| q > limits::LINE_QUANTITY_MAX);
    if asker.blocked {
        Some(RejectReason::CustomerBlocked)
    } else if lines.is_empty() {
        Some(RejectReason::NoLines)
    } else if lines.len() > limits::LINES_MAX {
        Some(RejectReason::TooManyLines)
    } else if lines.iter().any(|line| line.quantity <= 0) {
        Some(RejectReason::QuantityNotPositive)
    } else if lines.iter().any(too_large) {
        Some(RejectReason::QuantityTooLarge)
    } else if lines.windows(2).any(|pair| matches!(pair, [a, b] if a.sku == b.sku)) {
        Some(RejectReason::SkuRepeated)
    } else {
        None
    }
}

/// Judges an order at home; `lines` in SKU order. Marks the state each line has to be in.
pub(crate) fn judge_order(shelf: &Shelf, at: At, asker: &Asker, lines: &mut [Asked]) -> Verdict {
    if let Some(reason) = whole_order(asker, lines) {
        return Verdict::rejected(reason);
    }
    let run = lines.iter().take_while(|line| line.own).count();
    let several = run < lines.len();
    let kind = if several { OrderEventKind::Reserving } else { OrderEventKind::Held };
    let first = lines.get_mut(..run).unwrap_or_default();
    judge_run(shelf, at, asker, first, several, kind)
}

/// Judges a run of lines that are all this ledger's. `several`: the order has lines elsewhere and cannot wait.
pub(crate) fn judge_run(
    shelf: &Shelf,
    at: At,
    asker: &Asker,
    lines: &mut [Asked],
    several: bool,
    taken: OrderEventKind,
) -> Verdict {
    for line in lines.iter_mut() {
        judge_line(shelf, at, asker, line);
    }
    if let [line] = lines
        && asker.alone
        && line.why.is_none()
        && let Some(draw) = line.slot.and_then(|slot| shelf.listing(slot)?.draw.as_ref())
    {
        line.state = LineState::Awaited;
        return draw.verdict();
    }
    if asker.partial {
        for line in lines.iter_mut() {
            line.state = if line.refusal().is_some() { LineState::LeftOut } else { LineState::Taken };
        }
        if !several && lines.iter().all(|line| line.state == LineState::LeftOut) {
            let reason = lines.first().and_then(Asked::refusal).unwrap_or(RejectReason::StockShort);
            mark(lines, LineState::Asked);
            return Verdict::rejected(reason);
        }
        return Verdict::yes(taken);
    }
    if let Some(reason) = lines.iter().find_map(|line| line.why) {
        return Verdict::rejected(reason);
    }
    if lines.iter().all(|line| line.short == Short::No) {
        mark(lines, LineState::Taken);
        return Verdict::yes(taken);
    }
    if several { Verdict::rejected(RejectReason::StockShort) } else { judge_shortage(shelf, lines) }
}

fn judge_shortage(shelf: &Shelf, lines: &mut [Asked]) -> Verdict {
    let listing = |line: &Asked| line.slot.and_then(|slot| shelf.listing(slot));
    let waitlist = |line: &Asked| listing(line).map_or(0, |listing| listing.settings.waitlist_max);
    if lines.iter().any(|line| line.short != Short::No && waitlist(line) == 0) {
        return Verdict::rejected(RejectReason::StockShort);
    }
    let Some(first) = lines.iter_mut().find(|line| line.short != Short::No) else {
        return Verdict::rejected(RejectReason::StockShort);
    };
    let waiting = listing(first).map_or(0, |listing| listing.queue.len());
    if u32::try_from(waiting).unwrap_or(u32::MAX) >= waitlist(first) {
        return Verdict::rejected(RejectReason::WaitlistFull);
    }
    first.state = LineState::Awaited;
    Verdict::yes(OrderEventKind::Waiting)
}

fn judge_line(shelf: &Shelf, at: At, asker: &Asker, line: &mut Asked) {
    let Some((slot, listing)) = shelf.find(&line.sku) else {
        line.why = Some(RejectReason::ListingUnknown);
        return;
    };
    line.slot = Some(slot);
    line.why = refusal_by_listing(shelf, at, asker, line, slot, listing);
    line.short = if listing.free < i64::from(line.quantity) {
        Short::Units
    } else if listing.is_short(i64::from(line.quantity)) {
        Short::Queue
    } else {
        Short::No
    };
}

fn refusal_by_listing(
    shelf: &Shelf,
    at: At,
    asker: &Asker,
    line: &Asked,
    slot: Slot,
    listing: &Listing,
) -> Option<RejectReason> {
    let limit = i64::from(listing.settings.limit_per_customer);
    if listing.closed || listing.is_due(at.now) {
        Some(RejectReason::ListingClosed)
    } else if listing.settings.opens_at > at.now {
        Some(RejectReason::ListingNotOpen)
    } else if listing.paused {
        Some(RejectReason::ListingPaused)
    } else if listing.settings.currency != asker.currency {
        Some(RejectReason::CurrencyForeign)
    } else if limit > 0 && shelf.units_of(slot, asker.customer) + i64::from(line.quantity) > limit {
        Some(RejectReason::LimitPerCustomer)
    } else if !asker.alone && listing.settings.draw.is_some() {
        Some(RejectReason::DrawOnlyAlone)
    } else {
        None
    }
}

fn mark(lines: &mut [Asked], state: LineState) {
    for line in lines {
        line.state = state;
    }
}

/// The law a decision breaks that is not the verdict; `None` when it is.
pub(crate) fn broken_law(
    verdict: Verdict,
    lines: &[Asked],
    decided: Verdict,
    decided_lines: &[DecidedLine],
) -> Option<Law> {
    if decided.kind == OrderEventKind::Rejected || decided.kind == OrderEventKind::PartRefused {
        return (verdict.reason != decided.reason).then_some(Law::RefusedWrongly);
    }
    if verdict.kind == decided.kind {
        return lines
            .iter()
            .zip(decided_lines)
            .find_map(|(line, decided)| broken_by_line(line, decided.state));
    }
    if verdict.kind == OrderEventKind::Entered || decided.kind == OrderEventKind::Entered {
        return Some(Law::DrawWindow);
    }
    match (verdict.kind, verdict.reason) {
        (OrderEventKind::Held, _) if decided.kind == OrderEventKind::Waiting => Some(Law::WaitsInVain),
        (_, Some(RejectReason::LimitPerCustomer)) => Some(Law::LimitPerCustomer),
        (OrderEventKind::Waiting, _) | (_, Some(RejectReason::StockShort | RejectReason::WaitlistFull))
            if decided.kind != OrderEventKind::Waiting =>
        {
            let units = lines.iter().any(|line| line.short == Short::Units);
            Some(if units { Law::Oversold } else { Law::QueueOrder })
        }
        (_, Some(_)) => Some(Law::AcceptedWrongly),
        _ => Some(Law::PartsAgree),
    }
}

fn broken_by_line(line: &Asked, decided: LineState) -> Option<Law> {
    if line.state == decided {
        return None;
    }
    Some(match (decided, line.why, line.short) {
        (LineState::LeftOut, ..) => Law::RefusedWrongly,
        (LineState::Taken, Some(RejectReason::LimitPerCustomer), _) => Law::LimitPerCustomer,
        (LineState::Taken, Some(_), _) => Law::AcceptedWrongly,
        (LineState::Taken, None, Short::Units) => Law::Oversold,
        (LineState::Taken, None, Short::Queue) | (LineState::Awaited, ..) => Law::QueueOrder,
        _ => Law::OrderLife,
    })
}
