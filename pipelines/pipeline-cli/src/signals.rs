//! SIGINT and SIGTERM: the first asks to drain, the second to stop at once.

use std::io;

use order_worker::Stop;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Passes signals on to `stop` from now on.
pub fn ask_on_signals(stop: &Stop) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let stop = stop.clone();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for _ in signals.forever() {
            stop.ask();
        }
    })?;
    Ok(())
}
