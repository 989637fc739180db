//! Sequences as they come off the log: what is next, what is a repeat, what is missing.
//!
//! Promised: the decisions let through have rising numbers, each once. A number that is missing where no record was
//! unreadable is a gap, which is a bug of whoever wrote `decisions`, and is reported as one.

use order_model::Sequence;

/// What the number of a decision says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// It is the next one, or as good as: what is missing before it could not be read.
    Next,
    /// It was there before.
    Repeat,
    /// So many before it are missing.
    Gap(u64),
}

/// The numbers of one partition.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbering {
    last: Sequence,
    /// Records since the last decision that could not be read: each may have been one of the missing.
    unreadable: u64,
}

impl Numbering {
    /// Goes on after `last`.
    pub(crate) fn after(last: Sequence) -> Self {
        Self { last, unreadable: 0 }
    }

    /// The latest number let through.
    pub(crate) fn last(&self) -> Sequence {
        self.last
    }

    /// A record could not be read.
    pub(crate) fn skip(&mut self) {
        self.unreadable += 1;
    }

    /// A decision came.
    pub(crate) fn take(&mut self, sequence: Sequence) -> Place {
        if sequence <= self.last {
            return Place::Repeat;
        }
        let missing = sequence.0 - self.last.0 - 1;
        let unexplained = missing.saturating_sub(self.unreadable);
        *self = Self::after(sequence);
        if unexplained == 0 { Place::Next } else { Place::Gap(unexplained) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_gaps_and_unreadable_records_are_told_apart() {
        // What comes (0: an unreadable record), and what is made of it.
        let table: &[(&[u64], &[Place])] = &[
            (&[6, 7, 8], &[Place::Next, Place::Next, Place::Next]),
            (&[3, 5, 6, 6], &[Place::Repeat, Place::Repeat, Place::Next, Place::Repeat]),
            (&[6, 9, 10], &[Place::Next, Place::Gap(2), Place::Next]),
            (&[0, 7, 8], &[Place::Next, Place::Next]),
            (&[0, 9], &[Place::Gap(2)]),
            // An unreadable repeat explains nothing that is missing later than the next decision.
            (&[0, 6, 8], &[Place::Next, Place::Gap(1)]),
        ];
        for (numbers, places) in table {
            let mut numbering = Numbering::after(Sequence(5));
            let mut found = Vec::new();
            for number in *numbers {
                match number {
                    0 => numbering.skip(),
                    number => found.push(numbering.take(Sequence(*number))),
                }
            }
            assert_eq!(&found, places, "{numbers:?}");
        }
    }
}
