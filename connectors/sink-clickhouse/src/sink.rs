//! The target: decisions in, progress out.

use std::collections::BTreeMap;

use order_model::{Offset, Partition, Sequence, TimeMs};
use sink::{Batch, Fault, Reached, Refused, Target};

use crate::classify::{fault, is_memory_limit};
use crate::client::{Database, WRITE_SETTINGS, of};
use crate::config::Config;
use crate::derive::{ROLLUPS, Stretch, filter, listing_insert, order_insert};
use crate::limits::{INSERT_ROWS_MAX, INSERT_ROWS_MIN, SPAN_DECISIONS};
use crate::row::{KIND_CUSTOMER_BLOCKED, LISTING_KINDS_FROM, Row, row_of};

/// The sink's name.
pub const NAME: &str = "clickhouse";

/// The last row written of a partition, and its time.
#[derive(Clone, Copy)]
struct Written {
    sequence: u64,
    time_ms: u64,
}

/// A write under way: tried again with the same decisions, it goes on with the step it failed at.
#[derive(PartialEq, Eq, Debug)]
struct Begun {
    stretches: Vec<Stretch>,
    rows: usize,
    /// Steps done: the insert, its count, and the computed tables one by one.
    steps: usize,
}

/// ClickHouse as a target of decisions.
///
/// Rows are inserted, counted in the table, and only then rolled up; progress is written after that. Each step can be
/// repeated, by anybody and late. The README says why every row counts once.
#[derive(Debug)]
pub struct ClickHouse {
    database: Database,
    /// Whether the table was found to be ours, since the start or since a fault that halts.
    checked: bool,
    /// Rows of the next insert.
    insert_rows: usize,
    /// What the last write had done when it failed or was cut off.
    begun: Option<Begun>,
    written: BTreeMap<u32, Written>,
}

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {} ms", self.sequence, self.time_ms)
    }
}

impl ClickHouse {
    /// Does not connect yet.
    pub fn new(config: &Config) -> Self {
        Self {
            database: Database::new(config),
            checked: false,
            insert_rows: INSERT_ROWS_MAX,
            begun: None,
            written: BTreeMap::new(),
        }
    }

    /// The database it writes to.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Says that every decision of `partition` with a ledger time before `time` is in the tables, though its last
    /// decision is older: for whoever knows that the partition has nothing more to say. Without it, the views that end in
    /// `_consistent` wait at the last decision of the quietest partition.
    pub async fn mark(&mut self, partition: Partition, time: TimeMs) -> Result<(), Fault> {
        let row = format!("({partition}, 0, 0, 0, fromUnixTimestamp64Milli({}))", time.0);
        self.note("marking a partition", &[row]).await
    }

    async fn check(&mut self) -> Result<(), Fault> {
        if !self.checked {
            self.database.check().await?;
            self.checked = true;
        }
        Ok(())
    }

    async fn note(&self, what: &str, rows: &[String]) -> Result<(), Fault> {
        let sql = format!(
            "INSERT INTO progress (partition, sequence, next_offset, last_row, time) SETTINGS {WRITE_SETTINGS} VALUES {}",
            rows.join(", ")
        );
        self.database.execute(&sql).await.map_err(|error| fault(what, &error))
    }

    async fn bring(&mut self, rows: &[Row]) -> Result<(), Fault> {
        let stretches = stretches(rows);
        let is_same = |begun: &&Begun| begun.stretches == stretches && begun.rows == rows.len();
        let mut steps = self.begun.as_ref().filter(is_same).map_or(0, |begun| begun.steps);
        let derived = derived(rows, &stretches);
        while steps < derived.len() + 2 {
            match steps.checked_sub(2).and_then(|step| derived.get(step)) {
                Some((what, sql)) => self.run(what, sql).await?,
                None if steps == 0 => self.insert(rows).await?,
                None => {
                    // Should rows be missing, they are inserted again.
                    self.begun = None;
                    self.count(rows, &stretches).await?;
                }
            }
            steps += 1;
            self.begun = Some(Begun { stretches: stretches.clone(), rows: rows.len(), steps });
        }
        self.begun = None;
        for stretch in &stretches {
            let last = rows.iter().rev().find(|row| row.partition == stretch.partition);
            let time_ms = last.map_or(0, |row| row.time_ms);
            self.written.insert(stretch.partition, Written { sequence: stretch.upto, time_ms });
        }
        Ok(())
    }

    async fn insert(&mut self, rows: &[Row]) -> Result<(), Fault> {
        let mut rest = rows;
        while !rest.is_empty() {
            let (part, later) = rest.split_at(rest.len().min(self.insert_rows));
            if let Err(error) = self.database.insert(part.iter()).await {
                if is_memory_limit(&error) {
                    self.insert_rows = (part.len() / 2).max(INSERT_ROWS_MIN);
                }
                return Err(fault(&format!("inserting {} decisions", part.len()), &error));
            }
            self.insert_rows = (self.insert_rows * 2).min(INSERT_ROWS_MAX);
            rest = later;
        }
        Ok(())
    }

    /// Counts in the table what was inserted: an engine that answers "done" and has not done it is asked again.
    async fn count(&self, rows: &[Row], stretches: &[Stretch]) -> Result<(), Fault> {
        let what = "counting the inserted decisions";
        let sql = format!(
            "SELECT partition, count() FROM decisions_raw FINAL WHERE {} GROUP BY partition",
            filter(stretches)
        );
        let answer = self.database.ask_numbers(what, &sql).await?;
        for stretch in stretches {
            let sent = count_of(rows, stretch.partition);
            let is_it = |row: &&Vec<u64>| row.first() == Some(&u64::from(stretch.partition));
            let found = answer.iter().find(is_it).and_then(|row| row.get(1)).copied().unwrap_or_default();
            if found < sent {
                return Err(Fault::Retry(format!(
                    "ClickHouse: {what}: {found} of {sent} are there in {} from number {} to {}, though the insert was \
                     answered; it is made again. If this goes on, look for replicas that lag",
                    of(Partition(stretch.partition)),
                    stretch.first,
                    stretch.upto
                )));
            }
        }
        Ok(())
    }

    async fn run(&self, what: &str, sql: &str) -> Result<(), Fault> {
        self.database.execute(sql).await.map_err(|error| fault(what, &error))
    }

    /// What can be told from the decisions alone, when they end before the progress that was noted: somebody took rows
    /// away, or put back an older copy of the table.
    async fn dense(&self, partition: Partition) -> Result<Reached, Fault> {
        let sql = format!(
            "SELECT intDiv(sequence - 1, {SPAN_DECISIONS}) AS span, count(), max(sequence), \
             argMax(decisions_offset, sequence) FROM decisions_raw FINAL WHERE partition = {partition} \
             GROUP BY span ORDER BY span"
        );
        let spans = self.database.ask_numbers("looking for the first decision that is missing", &sql).await?;
        let mut reached = Reached::default();
        for (expected, span) in (0..).zip(&spans) {
            let &[span, count, last, offset] = span.as_slice() else { break };
            if span != expected || last != span * SPAN_DECISIONS + count {
                break;
            }
            reached = Reached { sequence: Sequence(last), next_offset: Offset(offset).next() };
            if count < SPAN_DECISIONS {
                break;
            }
        }
        Ok(reached)
    }

    async fn find_reached(&self, partition: Partition) -> Result<Reached, Fault> {
        let what = format!("asking how far {} has got", of(partition));
        let sql = format!(
            "SELECT progress.sequence, next_offset, (SELECT count() FROM decisions_raw WHERE partition = {partition} AND \
             sequence = (SELECT max(last_row) FROM progress WHERE partition = {partition})) > 0 OR last_row = 0 \
             FROM progress FINAL WHERE partition = {partition}"
        );
        let answer = self.database.ask_numbers(&what, &sql).await?;
        match answer.first().map(Vec::as_slice) {
            None => Ok(Reached::default()),
            Some(&[sequence, next_offset, 1]) => {
                Ok(Reached { sequence: Sequence(sequence), next_offset: Offset(next_offset) })
            }
            Some(_) => self.dense(partition).await,
        }
    }
}

/// The statements that compute what these decisions change, each with what it does.
fn derived(rows: &[Row], stretches: &[Stretch]) -> Vec<(String, String)> {
    let filter = filter(stretches);
    let mut statements = vec![("computing table order_facts".to_owned(), order_insert(&filter))];
    if rows.iter().any(|row| (LISTING_KINDS_FROM..KIND_CUSTOMER_BLOCKED).contains(&row.kind)) {
        statements.push(("computing table listing_events".to_owned(), listing_insert(&filter)));
    }
    let rollups = ROLLUPS.iter();
    statements.extend(
        rollups.map(|rollup| (format!("computing table {}", rollup.table), rollup.insert(stretches))),
    );
    statements
}

/// From the first to the last row of each partition.
fn stretches(rows: &[Row]) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for row in rows {
        match stretches.last_mut() {
            Some(last) if last.partition == row.partition => last.upto = row.sequence,
            _ => {
                stretches.push(Stretch { partition: row.partition, first: row.sequence, upto: row.sequence })
            }
        }
    }
    stretches
}

fn count_of(rows: &[Row], partition: u32) -> u64 {
    let count = rows.iter().filter(|row| row.partition == partition).count();
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl Target for ClickHouse {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn reached(&mut self, partition: Partition) -> Result<Reached, Fault> {
        self.check().await?;
        self.find_reached(partition).await
    }

    async fn write(&mut self, batches: &[Batch]) -> Result<Vec<Refused>, Fault> {
        self.check().await?;
        let mut refused = Vec::new();
        let mut rows = Vec::with_capacity(batches.iter().map(|batch| batch.arrivals.len()).sum());
        for batch in batches {
            for arrival in &batch.arrivals {
                match row_of(arrival) {
                    Ok(row) => rows.push(row),
                    Err(error) => refused.push(Refused {
                        partition: batch.partition,
                        sequence: arrival.decision.sequence,
                        reason: error.to_string(),
                    }),
                }
            }
        }
        // The order of the table: the engine then need not sort.
        rows.sort_by_key(|row| (row.partition, row.sequence));
        if !rows.is_empty()
            && let Err(error) = self.bring(&rows).await
        {
            // Whoever mends the table should hear which column it was.
            self.checked &= !matches!(error, Fault::Halt(_));
            return Err(error);
        }
        Ok(refused)
    }

    async fn advance(&mut self, progress: &[(Partition, Reached)]) -> Result<(), Fault> {
        let rows: Vec<_> =
            progress.iter().map(|(partition, reached)| self.progress_row(*partition, *reached)).collect();
        if rows.is_empty() {
            return Ok(());
        }
        self.note("noting the progress", &rows).await
    }
}

impl ClickHouse {
    fn progress_row(&self, partition: Partition, reached: Reached) -> String {
        let Reached { sequence, next_offset } = reached;
        let written = self.written.get(&partition.0).filter(|written| written.sequence <= sequence.0);
        let (last_row, time_ms) = written.map_or((0, 0), |written| (written.sequence, written.time_ms));
        format!("({partition}, {sequence}, {next_offset}, {last_row}, fromUnixTimestamp64Milli({time_ms}))")
    }
}
