//! Every maximum of the simulator, with its unit in its name.

/// When a run begins, in milliseconds since 1970.
pub(crate) const START_MS: u64 = 1_000_000;
/// Most workers at once.
pub(crate) const PROCESSES_MAX: usize = 3;
/// Most faults of one run.
pub(crate) const FAULTS_MAX: u64 = 24;
/// Most small steps of one run before the faults end.
pub(crate) const STEPS_MAX: u64 = 12_000;
/// Small steps that follow the last arrival, faults included.
pub(crate) const STEPS_AFTER_ARRIVALS: u64 = 600;
/// Most rounds of the end.
pub(crate) const ROUNDS_MAX: u64 = 50_000;
/// Most records of one read batch.
pub(crate) const BATCH_RECORDS_MAX: u64 = 40;
/// Most batches an appender holds.
pub(crate) const QUEUE_BATCHES_MAX: u64 = 24;
/// Least time between two ticks of a partition, in milliseconds; as the worker has it.
pub(crate) const TICK_INTERVAL_MS: u64 = 20;
/// Most lines of a trace.
pub(crate) const TRACE_LINES_MAX: usize = 200_000;
