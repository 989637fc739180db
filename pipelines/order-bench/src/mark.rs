//! Points in time, with the processor time this process had used by then.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// A point in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) at: Instant,
    /// Processor time of this process, all threads, user and system.
    pub(crate) cpu: Duration,
}

impl Mark {
    pub(crate) fn now() -> Self {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
        let cpu = seconds + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0));
        Self { at: Instant::now(), cpu }
    }
}

/// What lay between two marks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) time: Duration,
    pub(crate) cpu: Duration,
    /// Processor time of the broker.
    pub(crate) broker_cpu: Duration,
}

impl Span {
    pub(crate) fn between(start: Mark, end: Mark, broker_cpu: Duration) -> Self {
        Self { time: end.at - start.at, cpu: end.cpu.saturating_sub(start.cpu), broker_cpu }
    }

    pub(crate) fn per_second(&self, records: u32) -> f64 {
        f64::from(records) / self.time.as_secs_f64()
    }
}

/// Nanoseconds of `cpu` for each of `records`.
pub(crate) fn ns_per_record(cpu: Duration, records: u32) -> f64 {
    cpu.as_secs_f64() * 1e9 / f64::from(records)
}
