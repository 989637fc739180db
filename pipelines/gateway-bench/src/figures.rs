//! What figures are made of: marks of a process, quantiles, medians, what the system counts.

use std::net::SocketAddr;
use std::time::Duration;

use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::error::{BenchError, io};
use crate::limits::{LATENCY_US_MAX, OTHER_FILES};

/// What a process has used by now, as it says itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Processor time, all threads, user and system, in nanoseconds.
    pub(crate) cpu_ns: u64,
    /// Resident memory, in bytes; zero where the system does not say.
    pub(crate) resident_bytes: u64,
}

impl Usage {
    pub(crate) fn now() -> Self {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let cpu_ns = seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0);
        Self { cpu_ns, resident_bytes: resident_bytes().unwrap_or(0) }
    }
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1_024)
}

/// Established connections whose own end is `address`, as the system counts them.
pub(crate) fn connections_to(address: SocketAddr) -> Result<u32, BenchError> {
    let mut count = 0;
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = match std::fs::read_to_string(table) {
            Ok(text) => text,
            // A machine without IPv6 has one table.
            Err(_) if table.ends_with('6') => continue,
            Err(error) => return Err(io("read /proc/net/tcp (there is one on Linux only)")(error)),
        };
        let rows = text.lines().skip(1).filter(|row| is_established(row, address.port()));
        count += u32::try_from(rows.count()).unwrap_or(u32::MAX);
    }
    Ok(count)
}

fn is_established(row: &str, port: u16) -> bool {
    let mut columns = row.split_ascii_whitespace().skip(1);
    let (local, state) = (columns.next(), columns.nth(1));
    let own_port = local.and_then(|local| u16::from_str_radix(local.rsplit(':').next()?, 16).ok());
    own_port == Some(port) && state == Some("01")
}

/// Refuses a run that would need more open files than this process may have.
pub(crate) fn check_open_files(connections: u32) -> Result<(), BenchError> {
    let needed = connections.saturating_add(OTHER_FILES);
    let limits = std::fs::read_to_string("/proc/self/limits").map_err(io("read /proc/self/limits"))?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let most = line.and_then(|line| line.split_ascii_whitespace().next());
    match most.and_then(|most| most.parse::<u32>().ok()) {
        Some(most) if most < needed => Err(BenchError::Options(format!(
            "{connections} connections need {needed} open files in each process, and {most} are allowed: run \
             `ulimit -n {needed}` before, or ask for fewer"
        ))),
        // Unlimited, or a system that says it otherwise.
        _ => Ok(()),
    }
}

/// Latencies, in milliseconds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Quantiles {
    /// Half took no longer.
    pub p50_ms: f64,
    /// 99 % of them.
    pub p99_ms: f64,
    /// 99.9 % of them.
    pub p999_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

/// Counts latencies.
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Result<Self, BenchError> {
        let histogram = Histogram::new_with_bounds(1, LATENCY_US_MAX, 3);
        histogram.map(Self).map_err(|error| BenchError::Wrong(format!("no histogram: {error}")))
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }

    pub(crate) fn quantiles(&self) -> Quantiles {
        let ms = |us: u64| Duration::from_micros(us).as_secs_f64() * 1e3;
        let at = |share: f64| ms(self.0.value_at_quantile(share));
        Quantiles { p50_ms: at(0.5), p99_ms: at(0.99), p999_ms: at(0.999), max_ms: ms(self.0.max()) }
    }
}

/// The middle one, and the smallest.
pub(crate) fn median_and_worst(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    let median =
        if values.len() % 2 == 1 { at(middle) } else { (at(middle.wrapping_sub(1)) + at(middle)) / 2.0 };
    (median, at(0))
}

/// How much more memory each of `count` takes, in kilobytes of 1,000 bytes.
pub(crate) fn kilobytes_each(before: Usage, after: Usage, count: u32) -> f64 {
    let bytes = after.resident_bytes.saturating_sub(before.resident_bytes);
    // Nanoseconds are the one unit that becomes a float without a cast.
    Duration::from_nanos(bytes).as_secs_f64() * 1e6 / f64::from(count.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_the_middle() {
        assert_eq!(median_and_worst([3.0, 1.0, 2.0]), (2.0, 1.0));
        assert_eq!(median_and_worst([4.0, 1.0]), (2.5, 1.0));
        assert!(median_and_worst([]).0.is_nan());
    }

    #[test]
    fn rows_of_the_system_are_read() {
        let row = "   1: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0";
        assert!(is_established(row, 8_080));
        assert!(!is_established(row, 54_321), "the other end is not ours");
        assert!(!is_established(&row.replace(" 01 ", " 06 "), 8_080), "it has ended");
        assert!(!is_established("", 8_080));
    }

    #[test]
    fn memory_is_shared_out() {
        let usage = |resident_bytes| Usage { cpu_ns: 0, resident_bytes };
        assert!((kilobytes_each(usage(1_000_000), usage(3_000_000), 100) - 20.0).abs() < 1e-9);
    }

    #[test]
    fn connections_are_counted_by_the_system() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let held: Vec<_> = (0..3).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        let accepted: Vec<_> = (0..3).map(|_| listener.accept().unwrap()).collect();
        assert_eq!(connections_to(address).unwrap(), 3);
        drop((held, accepted));
    }
}
