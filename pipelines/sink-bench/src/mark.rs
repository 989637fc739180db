//! Points in time, processor time, and the memory of this process.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// A point in time, and the processor time this process had used by then: all threads, user and system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) at: Instant,
    pub(crate) cpu: Duration,
}

impl Mark {
    pub(crate) fn now() -> Self {
        Self { at: Instant::now(), cpu: cpu_time(ClockId::ProcessCPUTime) }
    }
}

/// The processor time the calling thread has used.
pub(crate) fn thread_cpu_time() -> Duration {
    cpu_time(ClockId::ThreadCPUTime)
}

fn cpu_time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
    seconds + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// The most memory this process has had at a time, in bytes, where the system says so (Linux).
pub(crate) fn peak_resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1_024)
}

/// How many a second.
pub(crate) fn per_second(count: u64, time: Duration) -> f64 {
    number(count) / time.as_secs_f64().max(f64::EPSILON)
}

/// Nanoseconds of `cpu` for each of `count`.
pub(crate) fn ns_each(cpu: Duration, count: u64) -> f64 {
    cpu.as_secs_f64() * 1e9 / number(count).max(1.0)
}

/// A count as a figure; all counts of the benchmarks have 32 bits.
pub(crate) fn number(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
