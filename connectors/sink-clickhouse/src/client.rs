//! Speaking to the engine: statements, answers, inserts, each with a named end to its time and its memory.

use bytes::Bytes;
use clickhouse::error::Error;
use clickhouse::{Client, Compression};
use order_model::Partition;
use sink::Fault;

use crate::classify::fault;
use crate::columns::{Column, columns, wrong_with};
use crate::config::Config;
use crate::decode::Reader;
use crate::encode::Block;
use crate::limits::{ANSWER_BYTES_MAX, CHUNK_BYTES, INSERT_TIMEOUT, SEND_TIMEOUT};
use crate::row::Row;
use crate::tables::{Table, WRITTEN};

/// Settings every write of ours needs. Deduplication by the engine would refuse rows it has seen before, which a repair
/// deletes and writes again; merging on insert costs as much as the insert, and is done later anyway.
pub(crate) const WRITE_SETTINGS: &str = "async_insert = 0, insert_deduplicate = 0, optimize_on_insert = 0";
/// Settings of an insert of rows: a block has to have the table's columns and types, or nothing is written. Without
/// these, the engine leaves out a column it does not know, and converts a number to whatever the column is now.
const INSERT_SETTINGS: &str =
    "input_format_native_allow_types_conversion = 0, input_format_skip_unknown_fields = 0";

/// A database of an engine, ours or to be.
#[derive(Clone)]
pub struct Database {
    client: Client,
    name: String,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Database {
    /// Does not connect yet.
    pub fn new(config: &Config) -> Self {
        let compression = if config.compressed { Compression::Lz4 } else { Compression::None };
        let client = Client::default().with_url(&config.url).with_compression(compression);
        let client = match &config.user {
            Some(user) => client.with_user(user),
            None => client,
        };
        let client = match &config.password {
            Some(password) => client.with_password(password),
            None => client,
        };
        Self { client, name: config.database.clone() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The client of the `clickhouse` crate, set to this database.
    pub fn client(&self) -> Client {
        self.client.clone().with_database(&self.name)
    }

    /// Runs a statement in this database.
    pub(crate) async fn execute(&self, sql: &str) -> Result<(), Error> {
        self.client().query_raw(sql).execute().await
    }

    /// Runs a statement in no database.
    pub(crate) async fn execute_outside(&self, sql: &str) -> Result<(), Error> {
        self.client.query_raw(sql).execute().await
    }

    /// The answer to a question in a format, whole.
    pub(crate) async fn ask(&self, sql: &str, format: &str) -> Result<Vec<u8>, Error> {
        collect(&self.client(), sql, format).await
    }

    /// The same in no database.
    pub(crate) async fn ask_outside(&self, sql: &str, format: &str) -> Result<Vec<u8>, Error> {
        collect(&self.client, sql, format).await
    }

    /// The rows of an answer of texts and numbers.
    pub(crate) async fn ask_rows(&self, what: &str, sql: &str) -> Result<Vec<Vec<String>>, Fault> {
        let answer = self.ask(sql, "TSV").await.map_err(|error| fault(what, &error))?;
        let text = String::from_utf8_lossy(&answer);
        Ok(text.lines().map(|line| line.split('\t').map(unescape).collect()).collect())
    }

    /// Checks that the tables are as the sink writes them.
    pub(crate) async fn check(&self) -> Result<(), Fault> {
        self.check_table("decisions_raw", &columns()).await?;
        for table in WRITTEN {
            self.check_table(table.name, &table.columns()).await?;
        }
        Ok(())
    }

    async fn check_table(&self, table: &str, ours: &[Column]) -> Result<(), Fault> {
        let sql = format!(
            "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = '{table}'"
        );
        let found = self.ask_rows(&format!("looking at the columns of `{table}`"), &sql).await?;
        let found = found.into_iter().filter_map(|row| {
            let [name, kind] = <[String; 2]>::try_from(row).ok()?;
            Some(Column { name, kind })
        });
        let found: Vec<_> = found.collect();
        let database = &self.name;
        if found.is_empty() {
            return Err(Fault::Halt(format!(
                "ClickHouse: there is no table {table} in database {database}; run `pipeline analytics migrate`"
            )));
        }
        match wrong_with(ours, &found) {
            None => Ok(()),
            Some(wrong) => Err(Fault::Halt(format!(
                "ClickHouse: the table {table} of database {database} is not ours: {wrong}; run `pipeline analytics \
                 migrate`, or change back what was changed by hand"
            ))),
        }
    }

    /// Inserts decisions in one statement, a block at a time.
    pub(crate) async fn insert(&self, rows: &[Row]) -> Result<(), Error> {
        let columns = columns();
        let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
        let mut rows = rows.iter();
        let mut block = Block::new();
        let blocks = std::iter::from_fn(|| {
            while !block.is_full()
                && let Some(row) = rows.next()
            {
                block.push(row);
            }
            (!block.is_empty()).then(|| block.take())
        });
        self.insert_blocks("decisions_raw", &names.join(", "), blocks).await
    }

    /// Inserts blocks into a computed table in one statement.
    pub(crate) async fn insert_into(
        &self,
        table: &Table,
        blocks: impl Iterator<Item = Vec<u8>> + Send,
    ) -> Result<(), Error> {
        self.insert_blocks(table.name, &table.names(), blocks).await
    }

    async fn insert_blocks(
        &self,
        table: &str,
        names: &str,
        blocks: impl Iterator<Item = Vec<u8>> + Send,
    ) -> Result<(), Error> {
        let mut blocks = blocks.peekable();
        if blocks.peek().is_none() {
            return Ok(());
        }
        let sql = format!(
            "INSERT INTO {table} ({names}) SETTINGS {WRITE_SETTINGS}, {INSERT_SETTINGS} FORMAT Native"
        );
        let insert = self.client().insert_formatted_with(sql);
        let mut insert = insert.with_timeouts(Some(SEND_TIMEOUT), Some(INSERT_TIMEOUT));
        for block in blocks {
            let mut bytes = Bytes::from(block);
            while !bytes.is_empty() {
                let chunk = bytes.split_to(bytes.len().min(CHUNK_BYTES));
                insert.send(chunk).await?;
            }
        }
        insert.end().await
    }

    /// The number a question about one partition has for an answer.
    pub(crate) async fn ask_numbers(&self, what: &str, sql: &str) -> Result<Vec<Vec<u64>>, Fault> {
        let rows = self.ask_rows(what, sql).await?;
        let numbers = rows.iter().map(|row| row.iter().map(|text| text.parse()).collect::<Result<_, _>>());
        numbers.collect::<Result<_, _>>().map_err(|_| {
            Fault::Halt(format!(
                "ClickHouse: {what}: the answer is not of numbers: {rows:?}; check the address"
            ))
        })
    }

    /// Ids in an answer of one column of UUIDs.
    pub(crate) async fn ask_ids(&self, what: &str, sql: &str) -> Result<Vec<[u8; 16]>, Fault> {
        let answer = self.ask(sql, "RowBinary").await.map_err(|error| fault(what, &error))?;
        let mut reader = Reader { rest: &answer };
        Ok(std::iter::from_fn(|| reader.uuid()).collect())
    }
}

async fn collect(client: &Client, sql: &str, format: &str) -> Result<Vec<u8>, Error> {
    let mut cursor = client.query_raw(sql).fetch_bytes(format)?;
    let mut answer = Vec::new();
    while let Some(chunk) = cursor.next().await? {
        answer.extend_from_slice(&chunk);
        if answer.len() > ANSWER_BYTES_MAX {
            return Err(Error::Unsupported(format!("the answer has more than {ANSWER_BYTES_MAX} bytes")));
        }
    }
    Ok(answer)
}

/// A field of a TSV answer.
fn unescape(field: &str) -> String {
    if !field.contains('\\') {
        return field.to_owned();
    }
    let mut text = String::with_capacity(field.len());
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('t') => text.push('\t'),
                Some('n') => text.push('\n'),
                Some(other) => text.push(other),
                None => {}
            },
            other => text.push(other),
        }
    }
    text
}

/// A partition in a sentence.
pub(crate) fn of(partition: Partition) -> String {
    format!("partition {partition}")
}
