//! Memory is bounded: what does not fit is refused by name, and the rest is as it was.

use catalogue::{Shelf, ShelfError, ShelfLimits, encode_product};

use crate::support::{full, memory, product, shelf, sku};

const LIMITS: ShelfLimits = ShelfLimits { products_max: 3, product_bytes_max: 200, catalogue_bytes_max: 300 };

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let mut shelf = Shelf::new(LIMITS).unwrap();
    for name in ["a", "b", "c"] {
        assert!(shelf.put(product(name, "X")).unwrap());
    }
    let version = shelf.publish().unwrap().version();
    let refused = |shelf: &mut Shelf, product| shelf.put(product).unwrap_err();
    assert!(matches!(refused(&mut shelf, product("d", "X")), ShelfError::TooManyProducts(3)));
    assert!(matches!(refused(&mut shelf, full()), ShelfError::ProductTooLarge { max: 200, .. }));
    let long = |name| product(name, &"x".repeat(120));
    assert!(shelf.put(long("a")).unwrap() && shelf.put(long("b")).unwrap());
    assert!(matches!(refused(&mut shelf, long("c")), ShelfError::CatalogueTooLarge { max: 300, .. }));
    assert!(shelf.put(product("a", "X")).unwrap() && shelf.put(long("c")).unwrap(), "there is room again");
    for name in ["a", "b", "c"] {
        assert!(shelf.put(product(name, "X")).is_ok());
    }
    let again = shelf.publish().unwrap();
    assert_eq!(again.version(), version);
    let bytes: usize = again
        .iter()
        .map(|item| {
            let mut bytes = Vec::new();
            encode_product(&item.product, &mut bytes);
            bytes.len()
        })
        .sum();
    assert_eq!(again.bytes(), bytes);
}

#[test]
fn a_removed_product_makes_room() {
    let mut shelf = Shelf::new(LIMITS).unwrap();
    for round in 0..50 {
        for name in ["a", "b", "c"] {
            shelf.put(product(name, &format!("round {round}"))).unwrap();
            shelf.remove(&sku(name));
        }
    }
    let empty = shelf.publish().unwrap();
    assert_eq!((empty.len(), empty.bytes()), (0, 0));
    assert!(empty.search(&catalogue::Query::default()).unwrap().facets.is_empty());
}

#[test]
fn what_does_not_fit_is_skipped_with_its_place() {
    let (_, topic) = memory();
    let put = |name| catalogue::Change::Put(Box::new(product(name, "X")));
    topic.write(&[put("a"), put("b"), put("c"), put("d"), put("e")]).unwrap();
    let (mut shelf, skipped) = topic.load(Shelf::new(LIMITS).unwrap()).unwrap();
    let places: Vec<_> = skipped.latest.iter().map(|skipped| skipped.offset).collect();
    assert_eq!((skipped.count, places), (2, vec![3, 4]));
    assert_eq!(shelf.publish().unwrap().len(), 3);
}

/// Makes one field wrong.
type Spoil = fn(&mut catalogue::Product);

#[test]
fn fields_have_limits() {
    let spoilt: [(&str, Spoil); 15] = [
        ("title", |p| p.title = "x".repeat(201)),
        ("title", |p| p.title = "a\u{7}b".to_owned()),
        ("description", |p| p.description = "x".repeat(16_385)),
        ("description", |p| p.description = "a\tb".to_owned()),
        ("texts", |p| p.texts = vec![p.texts[0].clone(); 41]),
        ("texts.locale", |p| p.texts = vec![p.texts[0].clone(); 2]),
        ("texts.title", |p| p.texts[0].title.clear()),
        ("brand", |p| p.brand = Some(String::new())),
        ("category", |p| p.category = vec!["x".to_owned(); 9]),
        ("attributes", |p| p.attributes.push(p.attributes[0].clone())),
        ("attributes.value", |p| p.attributes[0].value = "x".repeat(201)),
        ("images", |p| p.images = vec![p.images[0].clone(); 33]),
        ("images.source", |p| p.images[0].source = "https://x/\"onload".to_owned()),
        ("images.alt", |p| p.images[0].alt = "x".repeat(501)),
        ("tags", |p| p.tags = (0..33).map(|n| n.to_string()).collect()),
    ];
    for (field, spoil) in spoilt {
        let mut product = full();
        spoil(&mut product);
        assert_eq!(product.check().map_err(|error| error.field), Err(field));
        let mut bytes = Vec::new();
        encode_product(&product, &mut bytes);
        assert!(catalogue::decode_product(&bytes).is_err(), "{field} is read all the same");
    }
    assert_eq!(full().check(), Ok(()));
    assert!(shelf().put(full()).is_ok());
}
