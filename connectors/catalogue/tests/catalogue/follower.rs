//! The follower: over the log in memory and in a folder, with bad records, and with failures.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use catalogue::{CatalogueFollower, CatalogueTopic, Change, ProductCodec, ShelfLimits, SkipReason};
use order_codec::{BadRecord, FileSchemas, RegistryError, SchemaSource};
use order_log::{EmbeddedLog, EmbeddedOptions, Headers};

use crate::support::{asking, await_that, codec, found, full, memory, product, published, sku, topic};

fn put(name: &str, title: &str) -> Change {
    Change::Put(Box::new(product(name, title)))
}

fn follow(topic: &CatalogueTopic) -> CatalogueFollower {
    let follower = CatalogueFollower::start(topic.clone(), ShelfLimits::default()).unwrap();
    await_that("it has caught up", || follower.caught_up());
    follower
}

/// What every log has to give.
fn follows(topic: &CatalogueTopic) {
    topic
        .write(&[put("a", "Lamp"), put("b", "Chair"), put("a", "Lantern"), Change::Remove(sku("b"))])
        .unwrap();
    let follower = follow(topic);
    assert_eq!(follower.catalogue().version(), published([product("a", "Lantern")]).version());
    let kept = follower.snapshot();

    topic.write(&[put("c", "Lantern"), Change::Put(Box::new(full()))]).unwrap();
    let expected = published([product("a", "Lantern"), product("c", "Lantern"), full()]);
    await_that("it has read on", || follower.catalogue().version() == expected.version());
    assert_eq!(found(&follower.catalogue(), &asking("lantern")), ["a", "c"]);
    assert_eq!(found(&kept, &asking("lantern")), ["a"], "what a reader holds does not change");

    topic.write(&[Change::Remove(sku("a"))]).unwrap();
    await_that("it is gone", || follower.catalogue().get(&sku("a")).is_none());
    assert_eq!(
        follow(topic).catalogue().version(),
        follower.catalogue().version(),
        "a new one sees the same"
    );
    assert_eq!(follower.status(), catalogue::FollowerStatus::default());
}

#[test]
fn over_memory() {
    follows(&memory().1);
}

#[test]
fn over_a_folder_and_after_opening_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(EmbeddedLog::open(folder.path(), EmbeddedOptions::default()).unwrap());
    let version = {
        let topic = topic(open(), "catalogue");
        follows(&topic);
        follow(&topic).catalogue().version()
    };
    assert_eq!(follow(&topic(open(), "catalogue")).catalogue().version(), version);
}

#[test]
fn an_empty_topic_is_a_catalogue_too() {
    let follower = follow(&memory().1);
    assert!(follower.catalogue().is_empty());
}

#[test]
fn bad_records_are_skipped_with_their_place_and_stop_nothing() {
    let (log, topic) = memory();
    let append = |key: Option<&[u8]>, value: Option<&[u8]>| {
        log.append_at("catalogue", 0, 1, key, value, Headers::NONE).unwrap()
    };
    let mut good = Vec::new();
    codec().product_to(&product("a", "Lamp"), &mut good);
    append(Some(b"a"), Some(&good));
    append(None, Some(&good));
    append(Some(b""), None);
    append(Some(b"b"), Some(&good));
    append(Some(b"a"), Some(b"\x07nonsense"));
    append(Some(b"a"), Some(&good[..good.len() - 3]));
    append(Some(b"a"), Some(&[0, 0, 0, 0, 99, 1]));
    let follower = follow(&topic);
    let skipped = follower.status().skipped;
    let places: Vec<_> = skipped.latest.iter().map(|skipped| (skipped.partition, skipped.offset)).collect();
    assert_eq!((skipped.count, places), (6, (1..=6).map(|offset| (0, offset)).collect()));
    let reasons: Vec<_> = skipped.latest.iter().map(|skipped| skipped.reason.clone()).collect();
    assert_eq!(reasons[0], SkipReason::NoKey);
    assert!(matches!(reasons[1], SkipReason::KeyIsNoSku(_)));
    assert_eq!(reasons[2], SkipReason::KeyDiffers(sku("a")));
    assert_eq!(reasons[3], SkipReason::Bad(BadRecord::WrongMagic(7)));
    assert!(matches!(reasons[4], SkipReason::Bad(BadRecord::Truncated(_))));
    assert_eq!(reasons[5], SkipReason::Bad(BadRecord::SchemaUnknown(99)));
    // What was good stays, and what comes next is read.
    assert_eq!(follower.catalogue().version(), published([product("a", "Lamp")]).version());
    for _ in 0..50 {
        append(None, None);
    }
    topic.write(&[put("c", "Chair")]).unwrap();
    await_that("it has read on", || follower.catalogue().len() == 2 && follower.status().skipped.count >= 56);
    let skipped = follower.status().skipped;
    assert_eq!((skipped.count, skipped.latest.len()), (56, catalogue::limits::SKIPPED_KEPT_MAX));
}

#[test]
fn a_topic_that_comes_later_is_found() {
    let (log, ready) = memory();
    let later = CatalogueTopic { name: "later".into(), ..ready };
    let follower = CatalogueFollower::start(later.clone(), ShelfLimits::default()).unwrap();
    await_that("it has failed", || follower.status().fault.is_some());
    assert!(!follower.caught_up() && follower.catalogue().is_empty());
    assert!(follower.status().fault.unwrap().contains("there is no topic later"));
    topic(Arc::new(log), "later").write(&[put("a", "Lamp")]).unwrap();
    await_that("it has caught up", || follower.caught_up());
    assert_eq!((follower.catalogue().len(), follower.status().fault), (1, None));
}

/// A registry that can go away.
struct Registry {
    files: FileSchemas,
    is_away: AtomicBool,
}

impl SchemaSource for Registry {
    fn register_or_find(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError> {
        self.files.register_or_find(subject, schema_json)
    }

    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        if self.is_away.load(Ordering::Acquire) {
            return Err(RegistryError::Unreachable { registry: "test".into(), detail: "away".into() });
        }
        // Ours under an id that is not ours.
        self.files.schema(id - 100)
    }
}

#[test]
fn a_registry_that_is_away_delays_and_loses_nothing() {
    let (log, mut topic) = memory();
    let registry = Arc::new(Registry { files: FileSchemas::new().unwrap(), is_away: AtomicBool::new(false) });
    topic.codec = ProductCodec::new(registry.clone()).unwrap();
    topic.write(&[put("a", "Lamp")]).unwrap();
    let follower = follow(&topic);
    registry.is_away.store(true, Ordering::Release);
    let mut foreign = Vec::new();
    codec().product_to(&product("b", "Chair"), &mut foreign);
    foreign[4] += 100;
    log.append_at("catalogue", 0, 1, Some(b"b"), Some(&foreign), Headers::NONE).unwrap();
    await_that("it has failed", || follower.status().failures >= 2);
    assert!(follower.status().fault.unwrap().contains("catalogue, partition 0, offset 1: "));
    assert_eq!(found(&follower.catalogue(), &asking("")), ["a"], "readers keep what they have");
    assert!(follower.caught_up());
    registry.is_away.store(false, Ordering::Release);
    await_that("it goes on", || follower.catalogue().len() == 2 && follower.status().fault.is_none());
}
