//! What a dataflow said to be durable, and where the log ended when it said so.

/// All effects of the records of `partition` before `offset` are in the log, said somebody when the topics ended here.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) process: u32,
    pub(crate) partition: u32,
    pub(crate) offset: u64,
    /// The end of the partition's `decisions`.
    pub(crate) decisions_end: u64,
    /// The end of the partition's `dead-letters`.
    pub(crate) dead_letters_end: u64,
    /// The end of every partition of `orders`.
    pub(crate) orders_ends: Vec<u64>,
}
