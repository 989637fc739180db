//! What every sink promises, as laws that can be run against any.
//!
//! A sink's tests bring a [`Subject`]: how to get empty storage, how to open it as one more process would, what lies in
//! it in comparable form, and, where it can, how to make it fail. [`check`] runs every law on fresh storage and reports
//! law by law; [`Report`] prints as a table `sink | law | result`. The input is a deterministic sale that the ledger
//! itself decides, on several partitions.
//!
//! Laws compare what lies in the storage with what one clean pass over the decisions leaves there, and that, where the
//! subject says it ([`Subject::expected`]), with what should. A subject that says nothing has to check the meaning of
//! what it writes in tests of its own: a target that always loses the same is as clean as any here.
//!
//! Not checked: what a crash of the target itself does, and times: those are each sink's own tests.

#![expect(clippy::panic, reason = "a law that is broken panics, like an assertion")]

mod delivery;
mod faults;
mod log_faults;
mod report;
mod rig;
mod running;
mod sale;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use order_model::Decision;

pub use report::{LawResult, Outcome, Report};
pub use sale::{Sale, SaleLog};

use crate::limits::SinkLimits;
use crate::target::Target;
use rig::Rig;

/// How long a law may take; a law that waits in vain is broken.
pub const LAW_TIMEOUT: Duration = Duration::from_secs(600);
/// Commands of the sale that the laws are run on, unless the subject says otherwise.
pub const COMMANDS: u64 = 400;
/// Partitions of the sale.
pub const PARTITIONS: u32 = 3;

/// What lies in a storage: names and values in a form that is the same whenever the meaning is. Progress, times of
/// insertion and numbers of attempts do not belong here.
pub type Contents = BTreeMap<String, String>;

/// How the storage of a subject is to fail, from now on and until told otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Injected {
    /// About every second request is turned away, as the service does when too much is asked.
    Throttle,
    /// About every second request is carried out in part.
    Partial,
    /// About every second request is carried out, and its answer is lost.
    LostReply,
    /// No request is carried out.
    Outage,
    /// Some decisions are refused for good; which, is the subject's choice.
    Refuse,
    /// Every request fails in a way that only a person can mend.
    Halt,
}

/// A sink under test.
pub trait Subject {
    /// Its target.
    type Target: Target;

    /// Its name in the table: the sink, and what stands in for the service.
    fn name(&self) -> String;

    /// Turns to storage that is empty and does not fail. What was opened before stays with the storage of then.
    fn fresh(&mut self) -> impl Future<Output = ()>;

    /// A target on the present storage that shares nothing else with those opened before: another process. Is not
    /// asked for while the storage is out, halts or turns requests away.
    fn open(&self) -> impl Future<Output = Self::Target>;

    /// What lies in the present storage, whether or not it fails just now.
    fn contents(&self) -> impl Future<Output = Contents>;

    /// What should lie there after these decisions, each partition's in order, if the subject can say.
    fn expected(&self, _decisions: &[Vec<Decision>]) -> Option<Contents> {
        None
    }

    /// Makes the present storage fail, or stop failing; false when it cannot be made to fail in this way.
    fn inject(&self, fault: Option<Injected>) -> bool {
        fault.is_none()
    }

    /// How many commands the sale has. More find more, and take longer.
    fn commands(&self) -> u64 {
        COMMANDS
    }

    /// The limits of the runners: small, so that there are many flushes, and quick, so that an outage of hours at full
    /// size takes seconds here.
    fn limits(&self) -> SinkLimits {
        SinkLimits {
            read_records_max: 25,
            read_bytes_max: 8 * 1_024,
            held_bytes_max: 48 * 1_024,
            flush_bytes_target: 16 * 1_024,
            flush_rows_target: 40,
            flush_wait: Duration::from_millis(2),
            call_timeout: Duration::from_secs(10),
            backoff_min: Duration::from_millis(1),
            backoff_max: Duration::from_millis(10),
            drain_timeout: Duration::from_secs(60),
            heartbeat_interval: Duration::from_millis(50),
        }
    }
}

type Running<'r> = Pin<Box<dyn Future<Output = Outcome> + 'r>>;
type Law<S> = (&'static str, for<'r> fn(&'r mut Rig<S>) -> Running<'r>);

/// Every law with the name it has in `connectors/CONTRACT.md`.
macro_rules! laws {
    ($($module:ident::$law:ident)+) => {
        /// The names of all laws.
        pub const LAWS: &[&str] = &[$(stringify!($law)),+];

        fn laws<S: Subject>() -> Vec<Law<S>> {
            vec![$((stringify!($law), |rig| Box::pin($module::$law(rig)))),+]
        }
    };
}

laws! {
    delivery::a_clean_pass_leaves_what_it_should
    delivery::redelivery_from_any_point_changes_nothing
    delivery::batches_may_be_cut_anywhere
    delivery::order_between_partitions_is_free
    delivery::a_late_zombie_changes_nothing
    delivery::progress_is_never_too_much
    faults::throttling_is_waited_out
    faults::a_partial_failure_loses_nothing
    faults::a_lost_reply_writes_nothing_twice
    faults::an_outage_of_hours_loses_nothing
    faults::what_is_refused_is_a_dead_letter
    faults::a_halt_stops_and_says_why
    running::a_restart_goes_on_where_the_target_is
    running::metrics_say_what_was_done
    running::memory_is_bounded
    running::a_drain_leaves_nothing_open
    running::a_pause_holds_until_resumed
    running::two_runners_share_the_partitions
    log_faults::repeats_on_the_log_are_dropped
    log_faults::an_unreadable_decision_is_a_dead_letter
    log_faults::a_gap_is_reported_and_passed
}

/// Runs every law against a subject, each on fresh storage, in the runtime of the caller.
pub async fn check<S: Subject>(mut subject: S) -> Report {
    let name = subject.name();
    let sale = Sale::decide(subject.commands(), PARTITIONS);
    subject.fresh().await;
    let mut rig = Rig::new(subject, sale).await;
    let mut results = Vec::new();
    for (law, run) in laws::<S>() {
        rig.fresh().await;
        let outcome = report::judge(run(&mut rig), LAW_TIMEOUT).await;
        results.push(LawResult { law, outcome });
    }
    Report { sink: name, results }
}
