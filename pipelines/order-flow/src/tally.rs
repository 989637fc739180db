//! What went through a dataflow: counts for progress, metrics and the demo.

/// Counts since the dataflow began, replayed records included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Records decided.
    pub records: u64,
    /// Decisions made, those that had been published before included.
    pub decisions: u64,
    /// Decisions handed to `publish`.
    pub published: u64,
    /// Relays handed to `publish`.
    pub relays: u64,
    /// Dead letters handed to `publish`.
    pub dead_letters: u64,
    /// Commands decided before and dropped.
    pub repeated: u64,
    /// Relays that came before their predecessor: bugs.
    pub relay_gaps: u64,
}
