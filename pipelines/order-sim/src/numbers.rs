//! What happened in a run, and how often.

macro_rules! numbers {
    ($($(#[$doc:meta])+ $name:ident;)+) => {
        /// Counts of a run. Sums of many runs show whether every kind of fault occurred.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct SimNumbers {
            $($(#[$doc])+ pub $name: u64,)+
        }

        impl SimNumbers {
            /// Each number with its name.
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name)),+]
            }

            /// Adds those of another run.
            pub fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)+
            }
        }
    };
}

numbers! {
    /// Small steps of the schedule.
    steps;
    /// Records on `orders`.
    records;
    /// Decisions, each number once.
    decisions;
    /// Orders that entered a draw.
    drawn;
    /// Decisions in the log under a number that was there before.
    repeated_decisions;
    /// Relays, each number once.
    relays;
    /// Relays in the log under a number that was there before.
    repeated_relays;
    /// Records that could not be read, each once.
    dead_letters;
    /// Dead letters in the log beyond one a record.
    repeated_dead_letters;
    /// Ticks workers appended.
    ticks;
    /// Records of producers and payments that were written twice.
    producer_retries;
    /// Privileged commands without a valid MAC.
    forgeries;
    /// Records of a foreign writer's schema.
    foreign_records;
    /// Signed records that somebody copied into another partition.
    copies;
    /// Record times that ran backwards.
    clock_backwards;
    /// Workers that were started.
    workers_started;
    /// Partitions that were taken over with decisions in the log.
    takeovers;
    /// Crashes, those at named points included.
    crashes;
    /// Crashes when all relays of a batch had landed and its decisions had not been appended.
    crashes_after_relays;
    /// Crashes when part of a batch of decisions had landed.
    crashes_within_decisions;
    /// Crashes when a batch of decisions had landed and was not acknowledged.
    crashes_before_acknowledgement;
    /// Workers that slept while they had partitions.
    pauses;
    /// Workers that woke and went on with partitions others had.
    zombies;
    /// Records that a worker appended to a partition of `decisions` that others had.
    zombie_decisions;
    /// Partitions that were taken from a running worker without a word.
    partitions_lost;
    /// Partitions that were handed over in order.
    handovers;
    /// Workers that gave up because acknowledgements were lost.
    acknowledgements_lost;
    /// Records that landed after their worker had died.
    late_landings;
    /// Batches of several records of which only part had landed when their worker died.
    torn_batches;
    /// Records that were on the wire when their worker died, and never landed.
    records_lost_on_the_wire;
    /// Appends refused because the queue was full.
    full_queues;
    /// Answers the registry did not give.
    registry_silences;
    /// Times at which a worker called something durable.
    durability_claims;
}
