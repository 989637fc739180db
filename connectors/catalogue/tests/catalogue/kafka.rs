//! The follower on a real broker whose topic is compacted, products by a real registry's ids.

use std::sync::Arc;

use catalogue::{CatalogueFollower, CatalogueTopic, Change, ProductCodec, ShelfLimits};
use order_codec::HttpRegistry;
use order_log::{KafkaLog, KafkaOptions, Log, TopicSpec};

use crate::support::{await_that, full, product, published, sku, spec};

fn log() -> Arc<KafkaLog> {
    let broker = testbed::shared_broker().unwrap();
    Arc::new(KafkaLog::connect(KafkaOptions::new(broker.bootstrap())).unwrap())
}

#[test]
fn a_compacted_topic_is_followed() {
    let log = log();
    let spec = spec("catalogue");
    assert_eq!(log.create_topics(std::slice::from_ref(&spec)).unwrap(), ["catalogue"]);
    assert_eq!(log.check_topics(std::slice::from_ref(&spec)).unwrap(), []);
    let deleting = TopicSpec { is_compacted: false, ..spec };
    let findings: Vec<_> = log.check_topics(&[deleting]).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(findings, ["topic catalogue: cleanup.policy is compact, needed is delete"]);

    let registry = HttpRegistry::new(&testbed::shared_registry().unwrap().url(), None).unwrap();
    let codec = ProductCodec::new(Arc::new(registry)).unwrap();
    let topic = CatalogueTopic { log, name: "catalogue".into(), codec };
    let put = |name, title| Change::Put(Box::new(product(name, title)));
    topic.write(&[put("a", "Lamp"), put("b", "Chair"), put("a", "Lantern")]).unwrap();
    let follower = CatalogueFollower::start(topic.clone(), ShelfLimits::default()).unwrap();
    await_that("it has caught up", || follower.caught_up());
    let before = published([product("a", "Lantern"), product("b", "Chair")]);
    assert_eq!(follower.catalogue().version(), before.version());

    topic.write(&[Change::Remove(sku("b")), Change::Put(Box::new(full()))]).unwrap();
    let after = published([product("a", "Lantern"), full()]);
    await_that("it has read on", || follower.catalogue().version() == after.version());
    assert_eq!(follower.status().skipped.count, 0);
}
