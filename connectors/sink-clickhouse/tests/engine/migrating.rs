//! Planning and applying migrations.

use sink_clickhouse::{Config, Database, MIGRATIONS, MigrationError, apply, plan};

use crate::{ask, done, fresh, run, unused};

fn last() -> u32 {
    MIGRATIONS.last().unwrap().version
}

#[tokio::test]
async fn a_plan_changes_nothing_and_an_apply_does_all_of_it_once() {
    let config = unused("migrating");
    let database = Database::new(&config);
    let first = plan(&database).await.unwrap();
    assert!(first.creates_database);
    assert_eq!((first.at, first.pending.len()), (0, MIGRATIONS.len()));
    assert_eq!(plan(&database).await.unwrap(), first, "a plan made the database");
    apply(&database, &first).await.unwrap();
    let second = plan(&database).await.unwrap();
    assert_eq!((second.creates_database, second.at, second.pending.len()), (false, last(), 0));
    apply(&database, &second).await.unwrap();
    let moved = apply(&database, &first).await.unwrap_err();
    assert_eq!(moved, MigrationError::Moved { database: config.database.clone() });
    let book = ask(&config, "SELECT version, name FROM schema_migrations FINAL ORDER BY version").await;
    assert_eq!(book.len(), MIGRATIONS.len());
    assert_eq!(book[0], "1 | 0001_decisions");
    done(&config).await;
}

#[tokio::test]
async fn an_apply_that_was_cut_short_is_finished() {
    let config = fresh("finished").await;
    run(&config, "ALTER TABLE schema_migrations DELETE WHERE version > 2 SETTINGS mutations_sync = 2").await;
    run(&config, "DROP VIEW revenue").await;
    let database = Database::new(&config);
    let rest = plan(&database).await.unwrap();
    let versions = rest.pending.iter().map(|migration| migration.version);
    assert!(versions.eq(3..=last()), "{rest:?}");
    apply(&database, &rest).await.unwrap();
    assert_eq!(ask(&config, "SELECT count() FROM revenue").await, ["0"]);
    done(&config).await;
}

async fn refused(config: &Config, change: &str, expected: &str) {
    run(config, change).await;
    let error = plan(&Database::new(config)).await.unwrap_err().to_string();
    assert!(error.contains(expected), "{change}: {error}");
}

#[tokio::test]
async fn databases_that_are_not_what_we_made_are_refused() {
    let config = fresh("refused").await;
    let note = |version: u32, checksum: &str| {
        format!(
            "INSERT INTO schema_migrations (version, name, checksum) VALUES ({version}, 'x', '{checksum}')"
        )
    };
    let (next, after) = (last() + 1, last() + 2);
    let hole = format!("has version {after} but not the one before it");
    refused(&config, &note(after, ""), &hole).await;
    let newer = format!("is at version {next}, and this program knows up to {}", last());
    refused(&config, &note(next, ""), &newer).await;
    refused(&config, &note(2, "other"), "migration x was changed after it had been applied").await;
    done(&config).await;
}

#[tokio::test]
async fn a_database_with_a_strange_name_is_refused() {
    let config = Config::new(crate::url(), "a; DROP DATABASE b");
    let error = plan(&Database::new(&config)).await.unwrap_err();
    assert_eq!(error, MigrationError::Name("a; DROP DATABASE b".to_owned()));
}
