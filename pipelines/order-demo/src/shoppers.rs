//! The shoppers: send the traffic of the sale at the wished rate, and never so far ahead that the worker's backlog is
//! all there is to see.

use std::time::{Duration, Instant};

use order_traffic::{SaleSpec, Traffic, TrafficOptions, opening_commands};
use order_worker::Stop;
use order_worker::StopLevel;

use crate::board::Board;
use crate::limits::{ACKNOWLEDGE_WAIT, AHEAD_RECORDS_MAX, APPEND_RECORDS_MAX, GATHER};
use crate::writer::Writer;
use crate::{DemoError, DemoOptions, DemoParts};

/// Opens the listings and waits until the log has that.
pub(crate) fn open(writer: &mut Writer, sale: &SaleSpec, seed: u64) -> Result<(), DemoError> {
    for command in opening_commands(seed, sale) {
        writer.command(&command, None)?;
    }
    finish(writer)
}

/// Sends all traffic and waits until the log has it. Says how many orders were placed.
pub(crate) fn shop(
    parts: &DemoParts,
    options: &DemoOptions,
    sale: &SaleSpec,
    board: &Board,
    stop: &Stop,
) -> Result<u64, DemoError> {
    let mut writer = Writer::new(parts)?;
    let mut traffic = Traffic::new(options.seed, sale, TrafficOptions::orders(options.orders));
    let start = Instant::now();
    loop {
        if stop.level() != StopLevel::Run {
            return Err(DemoError::BrokenOff);
        }
        let more = gather(&mut writer, &mut traffic, options.rate, start)?;
        writer.append()?;
        let acknowledged = writer.poll(Duration::ZERO)?;
        let backlog = {
            let mut board = board.lock();
            board.placed = traffic.placed();
            board.appended += acknowledged;
            board.appended.saturating_sub(board.decided())
        };
        if !more {
            break;
        }
        if backlog + writer.records_under_way() > AHEAD_RECORDS_MAX || options.rate.is_some() {
            let acknowledged = writer.poll(GATHER)?;
            board.lock().appended += acknowledged;
        }
    }
    while writer.records_under_way() > 0 {
        if stop.level() != StopLevel::Run {
            return Err(DemoError::BrokenOff);
        }
        let acknowledged = writer.poll(ACKNOWLEDGE_WAIT)?;
        board.lock().appended += acknowledged;
    }
    Ok(traffic.placed())
}

/// Gathers what is due by now; false when there is no more.
fn gather(
    writer: &mut Writer,
    traffic: &mut Traffic,
    rate: Option<u64>,
    start: Instant,
) -> Result<bool, DemoError> {
    let due = rate.map_or(u64::MAX, |rate| {
        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        micros.saturating_mul(rate) / 1_000_000
    });
    while writer.gathered() < APPEND_RECORDS_MAX && traffic.placed() < due {
        match traffic.next() {
            Some(arrival) => writer.arrival(&arrival)?,
            None => return Ok(false),
        }
    }
    Ok(true)
}

pub(crate) fn finish(writer: &mut Writer) -> Result<(), DemoError> {
    writer.append()?;
    while writer.records_under_way() > 0 {
        writer.poll(ACKNOWLEDGE_WAIT)?;
    }
    Ok(())
}
