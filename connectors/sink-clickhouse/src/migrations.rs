//! The tables, version by version: what is there, what is to be done, and doing it.
//!
//! Promised: a plan changes nothing; a plan whose ground has moved is refused; so is a database in which a migration
//! was applied that reads differently today, or that we do not know. Statements can be run again, since ClickHouse has no
//! transactions for them: an apply that is cut short is finished by the next.
//! Not promised: anything about tables of the same names that somebody else made.

use sink::Fault;

use crate::classify::{fault, is_missing};
use crate::client::Database;

/// A file of `schemas/clickhouse`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Migration {
    /// Its number, from 1.
    pub version: u32,
    /// Its name, as in the file's.
    pub name: &'static str,
    /// Its text.
    pub sql: &'static str,
}

macro_rules! migrations {
    ($($version:literal, $name:literal;)+) => {
        /// All of them, oldest first.
        pub const MIGRATIONS: &[Migration] = &[$(Migration {
            version: $version,
            name: $name,
            sql: include_str!(concat!("../../../schemas/clickhouse/", $name, ".sql")),
        }),+];
    };
}

migrations! {
    1, "0001_decisions";
    2, "0002_orders_and_listings";
    3, "0003_rollups";
    4, "0004_answers";
    5, "0005_consistent";
    6, "0006_draws";
    7, "0007_decisions_of_draws";
}

const BOOK: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (version UInt32, name String, checksum String, \
     applied_at DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = ReplacingMergeTree ORDER BY version";

impl Migration {
    /// BLAKE3 of the text, in hexadecimal digits.
    pub fn checksum(&self) -> String {
        blake3::hash(self.sql.as_bytes()).to_hex().to_string()
    }

    /// Its statements. One ends with a semicolon at the end of a line.
    pub fn statements(&self) -> impl Iterator<Item = String> {
        self.sql.split(";\n").map(without_comments).filter(|statement| !statement.is_empty())
    }
}

fn without_comments(statement: &str) -> String {
    let lines = statement.lines().filter(|line| !line.trim_start().starts_with("--"));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// What is to be done to a database.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The database.
    pub database: String,
    /// Whether it has to be made first.
    pub creates_database: bool,
    /// The version it is at; zero for none.
    pub at: u32,
    /// What is to be applied, oldest first.
    pub pending: Vec<Migration>,
}

/// Why a database cannot be brought to our version.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MigrationError {
    /// A migration reads differently from what was applied.
    #[error(
        "migration {name} was changed after it had been applied to database {database}; put the file back as it was, and \
         write what is new as a new migration"
    )]
    Changed {
        /// The database.
        database: String,
        /// The migration.
        name: String,
    },
    /// The database is newer than this program.
    #[error(
        "database {database} is at version {version}, and this program knows up to {known}; use a newer program"
    )]
    Unknown {
        /// The database.
        database: String,
        /// The version found.
        version: u32,
        /// The newest we know.
        known: u32,
    },
    /// A migration is missing between two that were applied.
    #[error(
        "database {database} has version {version} but not the one before it; restore table schema_migrations"
    )]
    Gap {
        /// The database.
        database: String,
        /// The version after the gap.
        version: u32,
    },
    /// Somebody migrated the database after the plan was made.
    #[error("database {database} is not as it was when the plan was made; plan again")]
    Moved {
        /// The database.
        database: String,
    },
    /// The name of the database is not one we would make.
    #[error("`{0}` is no name for a database: use letters, digits and underscores")]
    Name(String),
    /// The engine did not do it.
    #[error(transparent)]
    Engine(#[from] Fault),
}

/// What is to be done so that the database has all of our tables.
pub async fn plan(database: &Database) -> Result<Plan, MigrationError> {
    plan_of(database, MIGRATIONS).await
}

/// Does it, if the database is still as it was planned for.
pub async fn apply(database: &Database, plan: &Plan) -> Result<(), MigrationError> {
    apply_of(database, plan, MIGRATIONS).await
}

pub(crate) async fn plan_of(database: &Database, migrations: &[Migration]) -> Result<Plan, MigrationError> {
    let name = checked_name(database.name())?.to_owned();
    let applied = applied(database).await?;
    let creates_database = applied.is_none();
    let applied = applied.unwrap_or_default();
    let at = check_applied(&name, &applied, migrations)?;
    let pending = migrations.iter().filter(|migration| migration.version > at).copied().collect();
    Ok(Plan { database: name, creates_database, at, pending })
}

pub(crate) async fn apply_of(
    database: &Database,
    plan: &Plan,
    migrations: &[Migration],
) -> Result<(), MigrationError> {
    if plan_of(database, migrations).await? != *plan {
        return Err(MigrationError::Moved { database: plan.database.clone() });
    }
    let name = checked_name(database.name())?;
    let made = database.execute_outside(&format!("CREATE DATABASE IF NOT EXISTS {name}")).await;
    made.map_err(|error| fault("making the database", &error))?;
    database.execute(BOOK).await.map_err(|error| fault("making table schema_migrations", &error))?;
    for migration in &plan.pending {
        run(database, migration).await?;
    }
    Ok(())
}

/// Runs one migration and notes it. Two that run it at the same time do no harm.
async fn run(database: &Database, migration: &Migration) -> Result<(), Fault> {
    for (index, statement) in migration.statements().enumerate() {
        let what = format!("statement {} of migration {}", index + 1, migration.name);
        database.execute(&statement).await.map_err(|error| fault(&what, &error))?;
    }
    let note = format!(
        "INSERT INTO schema_migrations (version, name, checksum) VALUES ({}, '{}', '{}')",
        migration.version,
        migration.name,
        migration.checksum()
    );
    database.execute(&note).await.map_err(|error| fault("noting a migration", &error))
}

/// Versions and checksums that were applied; `None` when there is no such database.
async fn applied(database: &Database) -> Result<Option<Vec<(u32, String, String)>>, Fault> {
    let what = "asking which migrations were applied";
    let sql = format!("SELECT count() FROM system.databases WHERE name = '{}'", database.name());
    let answer = database.ask_outside(&sql, "TSV").await.map_err(|error| fault(what, &error))?;
    if String::from_utf8_lossy(&answer).trim() == "0" {
        return Ok(None);
    }
    let sql = "SELECT version, name, checksum FROM schema_migrations FINAL ORDER BY version";
    match database.ask(sql, "TSV").await {
        Err(error) if is_missing(&error) => Ok(Some(Vec::new())),
        Err(error) => Err(fault(what, &error)),
        Ok(answer) => Ok(Some(String::from_utf8_lossy(&answer).lines().filter_map(applied_row).collect())),
    }
}

fn applied_row(line: &str) -> Option<(u32, String, String)> {
    let mut fields = line.split('\t');
    Some((fields.next()?.parse().ok()?, fields.next()?.to_owned(), fields.next()?.to_owned()))
}

/// The version of a database in which these were applied.
fn check_applied(
    database: &str,
    applied: &[(u32, String, String)],
    migrations: &[Migration],
) -> Result<u32, MigrationError> {
    let database = database.to_owned();
    let mut at = 0;
    for (version, name, checksum) in applied {
        if *version != at + 1 {
            return Err(MigrationError::Gap { database, version: *version });
        }
        let Some(migration) = migrations.iter().find(|migration| migration.version == *version) else {
            let known = migrations.last().map_or(0, |migration| migration.version);
            return Err(MigrationError::Unknown { database, version: *version, known });
        };
        if migration.checksum() != *checksum {
            return Err(MigrationError::Changed { database, name: name.clone() });
        }
        at = *version;
    }
    Ok(at)
}

fn checked_name(name: &str) -> Result<&str, MigrationError> {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let starts_well = name.starts_with(|character: char| character.is_ascii_alphabetic());
    let is_name = starts_well && name.len() <= 64 && name.chars().all(is_plain);
    if is_name { Ok(name) } else { Err(MigrationError::Name(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Migration =
        Migration { version: 1, name: "0001_a", sql: "-- a;\nCREATE a;\n\n-- b\nCREATE b;\n" };

    #[test]
    fn statements_are_found_and_numbers_are_dense() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(usize::try_from(migration.version).unwrap(), index + 1);
            assert!(migration.name.starts_with(&format!("{:04}_", migration.version)), "{}", migration.name);
            for statement in migration.statements() {
                let is_safe = statement.starts_with("CREATE OR REPLACE VIEW ")
                    || statement.starts_with("CREATE ") && statement.contains("IF NOT EXISTS")
                    || statement.starts_with("ALTER TABLE ")
                        && !["ADD ", "DROP ", "RENAME "].iter().any(|change| statement.contains(change));
                assert!(is_safe, "not safe to run twice: {statement}");
                assert!(!statement.contains(';'), "two statements in one: {statement}");
            }
        }
        assert_eq!(ONE.statements().collect::<Vec<_>>(), ["CREATE a", "CREATE b"]);
    }

    #[test]
    fn what_was_applied_has_to_fit() {
        let row = |version, checksum: &str| (version, "0001_a".to_owned(), checksum.to_owned());
        let sum = ONE.checksum();
        assert_eq!(check_applied("d", &[], &[ONE]), Ok(0));
        assert_eq!(check_applied("d", &[row(1, &sum)], &[ONE]), Ok(1));
        for (applied, expected) in [
            (vec![row(1, "other")], "was changed after"),
            (vec![row(1, &sum), row(2, &sum)], "use a newer program"),
            (vec![row(2, &sum)], "not the one before it"),
        ] {
            let error = check_applied("d", &applied, &[ONE]).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn names_of_databases() {
        for name in ["", "1a", "a b", "a;b", "ä", &"x".repeat(65)] {
            assert!(checked_name(name).is_err(), "{name}");
        }
        assert_eq!(checked_name("doorbuster_2"), Ok("doorbuster_2"));
    }
}
