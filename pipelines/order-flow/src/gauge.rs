//! How many effects are between `decide` and the log's acknowledgement. A single record may have hundreds; so batches
//! alone bound nothing.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use timely::scheduling::Activator;

use crate::limits::EFFECTS_IN_FLIGHT_MAX;

/// Shared by the two operators of a dataflow.
#[derive(Clone, Default)]
pub(crate) struct Gauge(Rc<State>);

#[derive(Default)]
struct State {
    effects: Cell<usize>,
    /// Whom to wake when there is room again.
    waker: RefCell<Option<Activator>>,
}

impl Gauge {
    pub(crate) fn wake_by(&self, activator: Activator) {
        *self.0.waker.borrow_mut() = Some(activator);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.effects.get() >= EFFECTS_IN_FLIGHT_MAX
    }

    pub(crate) fn add(&self, effects: usize) {
        self.0.effects.set(self.0.effects.get() + effects);
    }

    pub(crate) fn release(&self, effects: usize) {
        let was_full = self.is_full();
        self.0.effects.set(self.0.effects.get().saturating_sub(effects));
        if was_full
            && !self.is_full()
            && let Some(waker) = self.0.waker.borrow().as_ref()
        {
            waker.activate();
        }
    }
}
