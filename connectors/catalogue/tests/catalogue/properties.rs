//! Whatever comes: no bytes make a reader panic, and the way to a catalogue does not matter.

use std::collections::BTreeMap;

use catalogue::{
    Attribute, Catalogue, Dimension, Facet, Image, LocalText, Product, Query, Shelf, decode_product,
    encode_product, parse_catalogue,
};
use order_log::{Headers, Record};
use order_model::Sku;
use proptest::prelude::*;

use crate::support::{codec, published, shelf};

const WORDS: [&str; 8] = ["lamp", "Lampe", "größe", "chair", "chairs", "red", "blue", "x"];

fn words() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&WORDS[..]), 1..4).prop_map(|words| words.join(" "))
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(&WORDS[..]).prop_map(str::to_owned)
}

prop_compose! {
    fn products()(
        number in 0_u8..12,
        title in words(),
        description in words(),
        local in prop::option::of(words()),
        brand in prop::option::of(word()),
        category in prop::collection::vec(word(), 0..3),
        attribute in prop::option::of((word(), word())),
        image in prop::option::of("[a-z0-9]{1,8}\\.svg"),
        tags in prop::collection::btree_set(word(), 0..3),
    ) -> Product {
        let text = |title| LocalText { locale: "de".to_owned(), title, description: String::new() };
        Product {
            sku: sku(number),
            title,
            description,
            texts: local.map(text).into_iter().collect(),
            brand,
            category,
            attributes: attribute.map(|(name, value)| Attribute { name, value }).into_iter().collect(),
            images: image.map(|source| Image { source, alt: String::new() }).into_iter().collect(),
            tags: tags.into_iter().collect(),
        }
    }
}

fn sku(number: u8) -> Sku {
    format!("sku-{number}").parse().unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Put(Box<Product>),
    Remove(u8),
    Publish,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => products().prop_map(|product| Step::Put(Box::new(product))),
        2 => (0_u8..12).prop_map(Step::Remove),
        1 => Just(Step::Publish),
    ];
    prop::collection::vec(step, 0..60)
}

fn answers(catalogue: &Catalogue) -> Vec<String> {
    let brand = Facet { dimension: Dimension::Brand, value: "red".to_owned() };
    let mut answers = Vec::new();
    for text in ["", "lamp", "chiar", "grosse", "red ch", "lampe blue"] {
        for filters in [vec![], vec![brand.clone()]] {
            let query = Query { text: text.to_owned(), filters, page: 1, page_size: 5 };
            let page = catalogue.search(&query).unwrap();
            let skus: Vec<_> = page.items.iter().map(|item| item.product.sku.to_string()).collect();
            answers.push(format!("{query:?} {} {skus:?} {:?}", page.total, page.facets));
        }
    }
    answers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn updates_lead_to_what_a_rebuild_gives(steps in steps()) {
        let mut shelf: Shelf = shelf();
        let mut expected = BTreeMap::new();
        for step in steps {
            match step {
                Step::Put(product) => {
                    shelf.put((*product).clone()).unwrap();
                    expected.insert(product.sku, *product);
                }
                Step::Remove(number) => {
                    prop_assert_eq!(shelf.remove(&sku(number)), expected.remove(&sku(number)).is_some());
                }
                Step::Publish => drop(shelf.publish().unwrap()),
            }
        }
        let updated = shelf.publish().unwrap();
        let held: Vec<_> = updated.iter().map(|item| item.product.clone()).collect();
        prop_assert_eq!(&held, &expected.values().cloned().collect::<Vec<_>>());
        let rebuilt = published(expected.into_values());
        prop_assert_eq!(updated.version(), rebuilt.version());
        prop_assert_eq!(updated.bytes(), rebuilt.bytes());
        prop_assert_eq!(answers(&updated), answers(&rebuilt));
    }
}

proptest! {
    #[test]
    fn any_product_comes_back(product in products()) {
        let mut bytes = Vec::new();
        encode_product(&product, &mut bytes);
        prop_assert_eq!(decode_product(&bytes), Ok(product));
    }

    #[test]
    fn any_bytes_are_a_product_or_an_error(
        key in prop::option::of(prop::collection::vec(any::<u8>(), 0..50)),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        drop(decode_product(&bytes));
        let framed: Vec<u8> = [0, 0, 0, 0, 4].into_iter().chain(bytes.iter().copied()).collect();
        for value in [&bytes, &framed] {
            let record = Record {
                offset: 0, time_ms: 0, key: key.as_deref(), value: Some(value), headers: Headers::NONE,
            };
            drop(codec().change_from(&record));
        }
    }

    #[test]
    fn any_text_is_a_file_or_an_error(text in "(\\[\\[product\\]\\]|sku|title|=|\"a\"|texts|\n|\\PC){0,40}") {
        drop(parse_catalogue(&text));
    }

    #[test]
    fn any_words_can_be_looked_for(text in "\\PC{0,300}") {
        let catalogue = published([]);
        prop_assert_eq!(catalogue.search(&Query { text, ..Query::default() }).unwrap().total, 0);
    }
}
