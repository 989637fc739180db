//! The waiting room of a sale: opened with it, closed with it.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use order_log::Log;
use order_model::TimeMs;
use waiting_room::{Opening, RoomEvent, RoomFollower, RoomName, RoomWriter, Summary};

use crate::commands::wait::command_id;
use crate::context::Context;
use crate::failure::Failure;
use crate::notes::note;
use crate::sale::Sale;
use crate::stores::block_on;
use crate::times::{now, show_duration_ms, show_time};

/// A room to be opened.
pub(super) struct PlannedRoom {
    name: RoomName,
    opening: Opening,
}

/// What is to be done about the room of a sale file; `None`: nothing.
pub(super) fn plan(context: &Context, sale: &Sale) -> Result<Option<PlannedRoom>> {
    let Some(room) = sale.room else { return Ok(None) };
    let name: RoomName = sale.name.parse()?;
    let plan_for = || format!("plan the waiting room of {name}");
    let current = current(context, context.open_log_to_read()?, &name).with_context(plan_for)?;
    let now = now();
    let plan = room.plan(now, current.as_ref().map(|summary| &summary.opening));
    if let Some(current) = current {
        if plan.is_met_by(&current.opening) {
            note(format!("unchanged: the waiting room, open from {}", show_time(current.opening.opens_at)));
            return Ok(None);
        }
        let text = "it is open with other settings, and these cannot change";
        return Err(Failure::usage(text).next(format!("pipeline sale close \"{name}\"")))
            .with_context(plan_for);
    }
    let opening = plan.opening(&context.keys()?, &name, command_id()?, now);
    let opening = opening.map_err(|error| Failure::usage(error.to_string())).with_context(plan_for)?;
    note(format!(
        "open the waiting room: from {}, {} before that to enter for the draw, until {}",
        show_time(opening.opens_at),
        show_duration_ms(opening.window_ms),
        show_time(opening.closes_at)
    ));
    Ok(Some(PlannedRoom { name, opening }))
}

/// Opens a room.
pub(super) fn open(context: &Context, room: &PlannedRoom) -> Result<()> {
    write(context, &room.name, &RoomEvent::Open(room.opening))
        .with_context(|| format!("open the waiting room of {}", room.name))
}

/// Closes the room of a sale, if there is one.
pub(super) fn close(context: &Context, sale: &str) -> Result<()> {
    let name: RoomName = sale.parse()?;
    let log = context.open_log_to_read()?;
    let Some(current) =
        current(context, log, &name).with_context(|| format!("find the waiting room of {sale}"))?
    else {
        return Ok(());
    };
    note(format!("close the waiting room of {sale}"));
    write(context, &name, &RoomEvent::Close { opening: current.opening.id })
        .with_context(|| format!("close the waiting room of {sale}"))
}

/// The room as the log has it, unless it is closed.
fn current(context: &Context, log: Arc<dyn Log>, name: &RoomName) -> Result<Option<Arc<Summary>>> {
    let topic = context.room_topic(log, context.keys_if_any()?.unwrap_or_default())?;
    let follower = RoomFollower::start(topic)?;
    let status = block_on(async {
        let mut status = follower.status();
        let read = status.wait_for(|status| status.is_caught_up || status.fault.is_some()).await;
        Ok(read.map(|status| status.clone())?)
    })?;
    if let Some(fault) = status.fault {
        bail!("{fault}");
    }
    let summary = follower.room(name).and_then(|view| view.summary());
    Ok(summary.filter(|summary| is_ahead(summary.opening.closes_at)))
}

fn is_ahead(time: TimeMs) -> bool {
    now() < time
}

fn write(context: &Context, name: &RoomName, event: &RoomEvent) -> Result<()> {
    let writer = RoomWriter::start(context.room_topic(context.open_log()?, context.keys()?)?)?;
    block_on(async { Ok(writer.append(name, event, now()).await.map(|_| ())?) })
}
