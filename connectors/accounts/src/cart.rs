//! A cart, pure: what changes do to it. What becomes of it in the table is `carts`' matter.
//!
//! A check-out takes the lines out of the cart and puts them under the id of the order they become, in the same write. Until
//! the order is known to be placed, every further check-out gives the same lines under the same id again, whatever was put
//! into the cart meanwhile: to the ledger it is the same order, and nobody buys twice because an answer got lost.

use order_model::limits::{LINE_QUANTITY_MAX, LINES_MAX};
use order_model::{Line, OrderId, Sku, TimeMs};

use crate::limits::CHECKOUT_REPEAT_MS;

/// A line of a cart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CartLine {
    /// What.
    pub sku: Sku,
    /// How many: 1 to [`LINE_QUANTITY_MAX`].
    pub quantity: u32,
}

impl From<CartLine> for Line {
    /// The line as an order has it.
    fn from(line: CartLine) -> Self {
        Self { sku: line.sku, quantity: i32::try_from(line.quantity).unwrap_or(i32::MAX) }
    }
}

/// Why a line cannot be in a cart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LineError {
    /// There are as many lines as an order can have.
    #[error("a cart holds at most {LINES_MAX} lines; take one out first, or check out")]
    TooManyLines,
    /// That many of one thing, or none, cannot be ordered.
    #[error("a line is for 1 to {LINE_QUANTITY_MAX}; to take it out, remove it")]
    Quantity,
}

/// Lines on their way to being an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkout {
    /// The order's id: the same for every repeat.
    pub order: OrderId,
    /// Its lines.
    pub lines: Vec<CartLine>,
    /// When it was taken out of the cart.
    pub taken_at: TimeMs,
    /// Whether the order is known to be placed.
    pub is_placed: bool,
    /// Whether somebody asked again before that was known: its order may be on its way to the log.
    pub is_repeated: bool,
}

/// What somebody has chosen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cart {
    /// The lines, in the order in which they came.
    pub lines: Vec<CartLine>,
    /// The newest check-out.
    pub checkout: Option<Checkout>,
    /// Counts changes; zero: there never was one.
    pub version: u64,
}

fn check(line: CartLine) -> Result<(), LineError> {
    if (1..=LINE_QUANTITY_MAX).contains(&line.quantity) { Ok(()) } else { Err(LineError::Quantity) }
}

impl Cart {
    /// Puts a line in, in the place of one for the same.
    pub(crate) fn put(&mut self, line: CartLine) -> Result<(), LineError> {
        check(line)?;
        if let Some(standing) = self.lines.iter_mut().find(|standing| standing.sku == line.sku) {
            *standing = line;
        } else if self.lines.len() < LINES_MAX {
            self.lines.push(line);
        } else {
            return Err(LineError::TooManyLines);
        }
        Ok(())
    }

    /// Takes a line out.
    pub(crate) fn remove(&mut self, sku: &Sku) {
        self.lines.retain(|line| line.sku != *sku);
    }

    /// The lines to place and under which id; `None`: there is nothing to place. `order` is taken for a new one.
    pub(crate) fn take(&mut self, order: OrderId, now: TimeMs) -> Option<Checkout> {
        let is_repeat = |checkout: &&mut Checkout| {
            let is_recent = now.0.saturating_sub(checkout.taken_at.0) <= CHECKOUT_REPEAT_MS;
            !checkout.is_placed || (self.lines.is_empty() && is_recent)
        };
        if let Some(standing) = self.checkout.as_mut().filter(is_repeat) {
            standing.is_repeated |= !standing.is_placed;
            return Some(standing.clone());
        }
        if self.lines.is_empty() {
            return None;
        }
        let lines = std::mem::take(&mut self.lines);
        let taken = Checkout { order, lines, taken_at: now, is_placed: false, is_repeated: false };
        self.checkout = Some(taken.clone());
        Some(taken)
    }

    /// The order is placed.
    pub(crate) fn placed(&mut self, order: OrderId) {
        if let Some(checkout) = self.checkout.as_mut().filter(|checkout| checkout.order == order) {
            checkout.is_placed = true;
        }
    }

    /// The order was not and will not be placed by whoever began the check-out: its lines come back, as far as there is
    /// room. Not where somebody asked again: that one may have placed it.
    pub(crate) fn give_back(&mut self, order: OrderId) {
        let is_it =
            |checkout: &mut Checkout| checkout.order == order && !checkout.is_placed && !checkout.is_repeated;
        let Some(checkout) = self.checkout.take_if(is_it) else { return };
        // What was chosen meanwhile counts more than what stood there before.
        let room = LINES_MAX.saturating_sub(self.lines.len());
        let older = checkout.lines.into_iter();
        let older = older.filter(|older| self.lines.iter().all(|newer| newer.sku != older.sku));
        let mut lines: Vec<CartLine> = older.take(room).collect();
        lines.append(&mut self.lines);
        self.lines = lines;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sku: &str, quantity: u32) -> CartLine {
        CartLine { sku: sku.parse().unwrap(), quantity }
    }

    fn cart(lines: &[CartLine]) -> Cart {
        Cart { lines: lines.to_vec(), ..Cart::default() }
    }

    const FIRST: OrderId = OrderId([1; 16]);
    const SECOND: OrderId = OrderId([2; 16]);
    const NOW: TimeMs = TimeMs(10);

    #[test]
    fn lines_come_and_go_within_the_limits() {
        let mut cart = Cart::default();
        cart.put(line("A", 1)).unwrap();
        cart.put(line("B", LINE_QUANTITY_MAX)).unwrap();
        cart.put(line("A", 3)).unwrap();
        assert_eq!(cart.lines, [line("A", 3), line("B", LINE_QUANTITY_MAX)]);
        assert_eq!(Line::from(line("A", 3)), Line { sku: "A".parse().unwrap(), quantity: 3 });
        assert_eq!(cart.put(line("A", 0)), Err(LineError::Quantity));
        assert_eq!(cart.put(line("A", LINE_QUANTITY_MAX + 1)), Err(LineError::Quantity));
        for number in 2..LINES_MAX {
            cart.put(line(&format!("N{number}"), 1)).unwrap();
        }
        assert_eq!(cart.put(line("C", 1)), Err(LineError::TooManyLines));
        cart.put(line("B", 2)).unwrap();
        cart.remove(&"A".parse().unwrap());
        cart.remove(&"A".parse().unwrap());
        cart.put(line("C", 1)).unwrap();
        assert_eq!(cart.lines.first(), Some(&line("B", 2)));
    }

    #[test]
    fn a_repeated_check_out_is_the_same_order() {
        let mut cart = cart(&[line("A", 1)]);
        let taken = cart.take(FIRST, NOW).unwrap();
        assert_eq!(
            (taken.order, taken.lines.as_slice(), taken.is_placed),
            (FIRST, &[line("A", 1)][..], false)
        );
        assert!(cart.lines.is_empty());
        assert!(!taken.is_repeated);
        let taken = Checkout { is_repeated: true, ..taken };
        assert_eq!(cart.take(SECOND, NOW), Some(taken.clone()));
        // Nobody knows yet whether it was placed: what was added meanwhile waits.
        cart.put(line("B", 1)).unwrap();
        assert_eq!(cart.take(SECOND, TimeMs(u64::MAX)), Some(taken.clone()));
        cart.placed(SECOND);
        assert_eq!(cart.take(SECOND, NOW), Some(taken));
        cart.placed(FIRST);
        let next = cart.take(SECOND, NOW).unwrap();
        assert_eq!((next.order, next.lines.as_slice()), (SECOND, &[line("B", 1)][..]));
        cart.placed(SECOND);
        cart.placed(SECOND);
        let again = cart.take(FIRST, TimeMs(NOW.0 + CHECKOUT_REPEAT_MS)).unwrap();
        assert_eq!((again.order, again.is_placed), (SECOND, true));
        assert_eq!(cart.take(FIRST, TimeMs(NOW.0 + CHECKOUT_REPEAT_MS + 1)), None);
        assert_eq!(Cart::default().take(FIRST, NOW), None);
    }

    #[test]
    fn what_was_not_placed_comes_back() {
        let mut cart = cart(&[line("A", 1), line("B", 1)]);
        cart.take(FIRST, NOW).unwrap();
        cart.put(line("B", 7)).unwrap();
        cart.put(line("C", 1)).unwrap();
        cart.give_back(SECOND);
        assert!(cart.checkout.is_some());
        cart.give_back(FIRST);
        assert_eq!(cart.lines, [line("A", 1), line("B", 7), line("C", 1)]);
        assert_eq!(cart.checkout, None);
        let taken = cart.take(SECOND, NOW).unwrap();
        assert_eq!(taken.order, SECOND);
        cart.placed(SECOND);
        cart.give_back(SECOND);
        assert!(cart.lines.is_empty() && cart.checkout.is_some(), "what is placed stays so");
    }

    #[test]
    fn what_was_asked_for_twice_does_not_come_back() {
        let mut cart = cart(&[line("A", 1)]);
        cart.take(FIRST, NOW).unwrap();
        cart.take(SECOND, NOW).unwrap();
        cart.give_back(FIRST);
        assert!(cart.lines.is_empty());
        assert_eq!(
            cart.take(SECOND, NOW).unwrap().order,
            FIRST,
            "there is one order, however often it is asked for"
        );
    }

    #[test]
    fn the_newer_lines_stay_when_not_all_fit() {
        let many: Vec<_> = (0..LINES_MAX).map(|number| line(&format!("N{number}"), 1)).collect();
        let mut cart = cart(&many);
        cart.take(FIRST, NOW).unwrap();
        cart.put(line("X", 1)).unwrap();
        cart.put(line("Y", 1)).unwrap();
        cart.give_back(FIRST);
        assert_eq!(cart.lines.len(), LINES_MAX);
        for newer in [line("X", 1), line("Y", 1)] {
            assert!(cart.lines.contains(&newer), "{:?}", cart.lines);
        }
    }
}
