//! Products, shelves and topics for tests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use catalogue::{
    Attribute, Catalogue, CatalogueTopic, LocalText, Product, ProductCodec, Query, Shelf, ShelfLimits,
};
use order_codec::FileSchemas;
use order_log::{Log, MemoryLog, TopicSpec};
use order_model::Sku;

const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

pub(crate) fn sku(text: &str) -> Sku {
    text.parse().unwrap()
}

pub(crate) fn product(sku_text: &str, title: &str) -> Product {
    Product::new(sku(sku_text), title)
}

pub(crate) fn codec() -> ProductCodec {
    ProductCodec::new(Arc::new(FileSchemas::new().unwrap())).unwrap()
}

pub(crate) fn spec(name: &str) -> TopicSpec {
    TopicSpec {
        name: name.to_owned(),
        partitions: 1,
        replication: 1,
        retention_ms: 24 * 3_600_000,
        is_compacted: true,
        record_bytes_max: order_log::limits::RECORD_BYTES_MAX,
    }
}

/// The topic on a log, made.
pub(crate) fn topic(log: Arc<dyn Log>, name: &str) -> CatalogueTopic {
    log.create_topics(&[spec(name)]).unwrap();
    CatalogueTopic { log, name: name.into(), codec: codec() }
}

pub(crate) fn memory() -> (MemoryLog, CatalogueTopic) {
    let log = MemoryLog::new(Arc::new(|| 1));
    let topic = topic(Arc::new(log.clone()), "catalogue");
    (log, topic)
}

pub(crate) fn shelf() -> Shelf {
    Shelf::new(ShelfLimits::default()).unwrap()
}

pub(crate) fn published(products: impl IntoIterator<Item = Product>) -> Catalogue {
    let mut shelf = shelf();
    for product in products {
        shelf.put(product).unwrap();
    }
    shelf.publish().unwrap()
}

pub(crate) fn asking(text: &str) -> Query {
    Query { text: text.to_owned(), ..Query::default() }
}

/// The SKUs a query finds, in order.
pub(crate) fn found(catalogue: &Catalogue, query: &Query) -> Vec<String> {
    catalogue.search(query).unwrap().items.iter().map(|item| item.product.sku.to_string()).collect()
}

pub(crate) fn await_that(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// A product with something in every field.
pub(crate) fn full() -> Product {
    let attribute = |name: &str, value: &str| Attribute { name: name.to_owned(), value: value.to_owned() };
    Product {
        description: "Light, and grips where it is wet.\n\nWashable.".to_owned(),
        texts: vec![
            LocalText {
                locale: "de".to_owned(),
                title: "Laufschuh für Läufer".to_owned(),
                description: "Leicht und griffig.".to_owned(),
            },
            LocalText {
                locale: "de-AT".to_owned(),
                title: "Laufpatschen".to_owned(),
                description: String::new(),
            },
        ],
        brand: Some("Northpeak".to_owned()),
        category: vec!["Sport".to_owned(), "Shoes".to_owned()],
        attributes: vec![attribute("Size", "42"), attribute("Colour", "ember")],
        images: vec![
            catalogue::Image { source: "sneaker.svg".to_owned(), alt: "A shoe".to_owned() },
            catalogue::Image { source: "https://cdn.example/s/1.webp?w=2".to_owned(), alt: String::new() },
        ],
        tags: vec!["running".to_owned(), "limited".to_owned()],
        ..product("sneaker-42", "Trailwind running shoe")
    }
}
