//! What every log promises, as laws that can be run against any.
//!
//! A law takes a log and the name of a topic that does not exist yet, creates it, and panics when the log breaks the
//! law. Laws share nothing, so they may run at once on one log. They wait for what they expect at most
//! [`DEADLINE_SECONDS`], so a slow broker passes, and finish at once on a quick log.
//!
//! [`conformance_suite!`](crate::conformance_suite) makes a test of every law; [`all`] runs them one after the other.
//! [`records_survive_reopening`] stands apart: it needs a log that can be opened twice.
//!
//! Not checked: reading before the first stored offset, which needs retention; `Lost`, which needs a silent member; and
//! what a crash or a broken disk does, which each log's own tests check.

#![expect(clippy::panic, reason = "a law that is broken panics, like an assertion")]

mod appending;
mod groups;
mod reading;
mod tools;
mod topics;

use crate::Log;

pub use appending::{
    an_oversized_record_is_refused_alone, appenders_are_independent, full_queue_gives_the_batch_back,
    headers_come_back, null_is_not_empty, offsets_are_dense, partitions_are_apart, records_keep_their_order,
    records_survive_reopening, tickets_are_acknowledged_in_order,
};
pub use groups::{
    a_revoked_partition_waits_for_stop, commit_is_harmless, members_share_partitions,
    partitions_of_a_leaver_go_on,
};
pub use reading::{
    batch_limits_hold, pause_loses_and_repeats_nothing, reading_starts_anywhere, start_moves,
    waiting_readers_see_new_records,
};
pub use topics::{
    bounds_follow_appends, checks_find_wrong_topics, creating_twice_changes_nothing,
    unknown_places_are_errors,
};

/// How long a law waits for what must happen. A group of a broker may take many seconds to balance.
pub const DEADLINE_SECONDS: u64 = 60;

/// A law: a log, and the name of a topic that does not exist yet.
pub type Law = fn(&dyn Log, &str);

/// Every law with its name.
pub const LAWS: &[(&str, Law)] = crate::conformance_suite!(@laws list);

/// Runs every law; topics are named `PREFIX-LAW`.
pub fn all(log: &dyn Log, prefix: &str) {
    for (name, law) in LAWS {
        law(log, &format!("{prefix}-{name}"));
    }
}

/// Makes a `#[test]` of every law, each running `RUN(name, law)`, where `RUN` is a `fn(&str, Law)` that makes a log and
/// calls the law with it.
///
/// ```
/// use std::sync::Arc;
/// use order_log::{MemoryLog, conformance::Law};
///
/// fn run(name: &str, law: Law) {
///     law(&MemoryLog::new(Arc::new(|| 0)), name);
/// }
///
/// order_log::conformance_suite!(run);
/// ```
#[macro_export]
macro_rules! conformance_suite {
    ($run:path) => {
        $crate::conformance_suite!(@laws tests $run);
    };
    (@laws $make:ident $($run:path)?) => {
        $crate::conformance_suite! {
            @$make ($($run)?)
            records_keep_their_order
            offsets_are_dense
            null_is_not_empty
            headers_come_back
            partitions_are_apart
            tickets_are_acknowledged_in_order
            full_queue_gives_the_batch_back
            an_oversized_record_is_refused_alone
            appenders_are_independent
            reading_starts_anywhere
            waiting_readers_see_new_records
            start_moves
            pause_loses_and_repeats_nothing
            batch_limits_hold
            bounds_follow_appends
            creating_twice_changes_nothing
            checks_find_wrong_topics
            unknown_places_are_errors
            members_share_partitions
            a_revoked_partition_waits_for_stop
            partitions_of_a_leaver_go_on
            commit_is_harmless
        }
    };
    (@tests ($run:path) $($law:ident)+) => {
        $(
            #[test]
            fn $law() {
                $run(stringify!($law), $crate::conformance::$law);
            }
        )+
    };
    (@list () $($law:ident)+) => {
        &[$((stringify!($law), $crate::conformance::$law)),+]
    };
}
