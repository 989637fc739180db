//! The shoppers: send the traffic of the sale at the wished rate, and never so far ahead that the worker's backlog is
//! all there is to see.

use std::sync::Arc;
use std::time::{Duration, Instant};

use order_model::Command;
use order_traffic::{Arrival, ArrivalBody, SaleSpec, Traffic, TrafficOptions, opening_commands};
use order_worker::Stop;
use order_worker::StopLevel;

use crate::board::Board;
use crate::limits::{ACKNOWLEDGE_WAIT, AHEAD_RECORDS_MAX, APPEND_RECORDS_MAX, GATHER};
use crate::writer::Writer;
use crate::{DemoError, DemoOptions, DemoParts, Entrance, EntranceProgress};

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
    let traffic = Traffic::new(options.seed, sale, TrafficOptions::orders(options.orders));
    let ways = Ways { writer: Writer::new(parts)?, entrance: parts.entrance.clone(), written: 0 };
    let mut shoppers = Shoppers { ways, traffic, rate: options.rate, start: Instant::now() };
    loop {
        if stop.level() != StopLevel::Run {
            return Err(DemoError::BrokenOff);
        }
        let more = shoppers.gather()?;
        let Shoppers { ways, traffic, .. } = &mut shoppers;
        ways.writer.append()?;
        let appended = ways.acknowledged(Duration::ZERO)?;
        let backlog = {
            let mut board = board.lock();
            board.placed = traffic.placed();
            board.appended = appended;
            board.appended.saturating_sub(board.decided())
        };
        if !more {
            break;
        }
        if backlog + ways.under_way()? > AHEAD_RECORDS_MAX || options.rate.is_some() {
            let appended = ways.acknowledged(GATHER)?;
            board.lock().appended = appended;
        }
    }
    let Shoppers { mut ways, traffic, .. } = shoppers;
    while ways.under_way()? > 0 {
        if stop.level() != StopLevel::Run {
            return Err(DemoError::BrokenOff);
        }
        let appended = ways.acknowledged(ACKNOWLEDGE_WAIT)?;
        board.lock().appended = appended;
    }
    Ok(traffic.placed())
}

/// How arrivals reach the log: orders through the entrance if there is one, all else straight.
struct Ways {
    writer: Writer,
    entrance: Option<Arc<dyn Entrance>>,
    /// Records acknowledged of those written straight.
    written: u64,
}

impl Ways {
    fn send(&mut self, arrival: &Arrival) -> Result<(), DemoError> {
        match (&self.entrance, arrival) {
            (
                Some(entrance),
                Arrival { body: ArrivalBody::Command(Command::Place(place)), partition_hint: None },
            ) => Ok(entrance.place(place)?),
            _ => self.writer.arrival(arrival),
        }
    }

    /// Records the log has acknowledged so far, after waiting for more at most so long.
    fn acknowledged(&mut self, wait: Duration) -> Result<u64, DemoError> {
        self.written += self.writer.poll(wait)?;
        Ok(self.written + self.entered()?.acknowledged)
    }

    fn under_way(&self) -> Result<u64, DemoError> {
        Ok(self.writer.records_under_way() + self.entered()?.under_way)
    }

    fn entered(&self) -> Result<EntranceProgress, DemoError> {
        let progress = self.entrance.as_ref().map(|entrance| entrance.progress()).transpose()?;
        Ok(progress.unwrap_or_default())
    }
}

struct Shoppers {
    ways: Ways,
    traffic: Traffic,
    rate: Option<u64>,
    start: Instant,
}

impl Shoppers {
    /// Sends what is due by now; false when there is no more.
    fn gather(&mut self) -> Result<bool, DemoError> {
        let due = self.rate.map_or(u64::MAX, |rate| {
            let micros = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
            micros.saturating_mul(rate) / 1_000_000
        });
        let mut gathered = 0;
        while gathered < APPEND_RECORDS_MAX && self.traffic.placed() < due {
            match self.traffic.next() {
                Some(arrival) => self.ways.send(&arrival)?,
                None => return Ok(false),
            }
            gathered += 1;
        }
        Ok(true)
    }
}

pub(crate) fn finish(writer: &mut Writer) -> Result<(), DemoError> {
    writer.append()?;
    while writer.records_under_way() > 0 {
        writer.poll(ACKNOWLEDGE_WAIT)?;
    }
    Ok(())
}
