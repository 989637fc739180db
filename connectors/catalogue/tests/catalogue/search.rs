//! What is found, in which order, and how it is counted.

use catalogue::{Attribute, Dimension, Facet, LocalText, Product, Query};

use crate::support::{asking, found, full, product, published, shelf, sku};

fn with(sku: &str, title: &str, more: impl FnOnce(&mut Product)) -> Product {
    let mut made = product(sku, title);
    more(&mut made);
    made
}

fn german(title: &str) -> LocalText {
    LocalText { locale: "de".into(), title: title.into(), description: String::new() }
}

fn size(value: &str) -> Attribute {
    Attribute { name: "Size".into(), value: value.into() }
}

fn shop() -> Vec<Product> {
    vec![
        with("head-1", "Hush wireless headphones", |p| {
            p.texts.push(german("Kabellose Kopfhörer Hush"));
            p.brand = Some("Lyrebird".into());
            p.category = vec!["Audio".into(), "Headphones".into()];
            p.tags = vec!["wireless".into()];
            p.description = "Keeps the music, hushes the train.".into();
        }),
        with("speak-1", "Boulder speaker", |p| {
            p.brand = Some("Lyrebird".into());
            p.category = vec!["Audio".into(), "Speakers".into()];
            p.tags = vec!["wireless".into(), "party".into()];
            p.description = "Goes well with headphones at home.".into();
        }),
        with("shoe-42", "Trailwind running shoe", |p| {
            p.texts.push(german("Laufschuh für große Füße"));
            p.brand = Some("Northpeak".into());
            p.category = vec!["Sport".into(), "Shoes".into()];
            p.attributes = vec![size("42")];
        }),
        with("shoe-43", "Trailwind running shoe", |p| {
            p.brand = Some("Northpeak".into());
            p.category = vec!["Sport".into(), "Shoes".into()];
            p.attributes = vec![size("43")];
        }),
        with("cafe", "Café crème machine", |p| p.category = vec!["Home".into()]),
    ]
}

#[test]
fn words_find_products() {
    let catalogue = published(shop());
    for (text, expected) in [
        // Where it stands counts: a title before a description.
        ("headphones", &["head-1", "speak-1"][..]),
        ("HEADPHONES!", &["head-1", "speak-1"]),
        // A typing error: missing, wrong, swapped; two in a long word; none in a short one.
        ("hedphones", &["head-1", "speak-1"]),
        ("haedphones", &["head-1", "speak-1"]),
        ("hexdphonws", &["head-1", "speak-1"]),
        ("speeker", &["speak-1"]),
        ("hat", &[]),
        // The last word may be a beginning, an earlier one may not.
        ("headph", &["head-1", "speak-1"]),
        ("trail run", &[]),
        ("running trail", &["shoe-42", "shoe-43"]),
        ("haedph", &["head-1", "speak-1"]),
        // Umlauts, with dots, without, spelled out, and other accents.
        ("kopfhörer", &["head-1"]),
        ("KOPFHORER", &["head-1"]),
        ("kopfhoerer", &["head-1"]),
        ("fusse", &["shoe-42"]),
        ("füße", &["shoe-42"]),
        ("fuesse", &["shoe-42"]),
        ("cafe creme", &["cafe"]),
        // All words have to match, in any language and field.
        ("hush kabellose", &["head-1"]),
        ("hush speaker", &[]),
        ("lyrebird", &["head-1", "speak-1"]),
        ("sport shoes", &["shoe-42", "shoe-43"]),
        ("shoe 43", &["shoe-43"]),
        ("party", &["speak-1"]),
        ("shoe-42", &["shoe-42"]),
        // No words: everything, by SKU.
        ("", &["cafe", "head-1", "shoe-42", "shoe-43", "speak-1"]),
        (" -+\"(*:^~ ", &["cafe", "head-1", "shoe-42", "shoe-43", "speak-1"]),
    ] {
        assert_eq!(found(&catalogue, &asking(text)), expected, "{text}");
    }
}

fn facet(dimension: Dimension, value: &str) -> Facet {
    Facet { dimension, value: value.to_owned() }
}

fn size_is(value: &str) -> Facet {
    facet(Dimension::Attribute("Size".to_owned()), value)
}

#[test]
fn filters_narrow() {
    let catalogue = published(shop());
    let category = |path| facet(Dimension::Category, path);
    let brand = |name| facet(Dimension::Brand, name);
    for (text, filters, expected) in [
        ("", vec![category("Audio")], &["head-1", "speak-1"][..]),
        ("", vec![category("Audio/Speakers")], &["speak-1"]),
        ("", vec![category("Speakers")], &[]),
        ("", vec![brand("Northpeak"), size_is("43")], &["shoe-43"]),
        ("", vec![size_is("42"), size_is("43")], &["shoe-42", "shoe-43"]),
        ("", vec![brand("Lyrebird"), size_is("43")], &[]),
        ("", vec![facet(Dimension::Tag, "party")], &["speak-1"]),
        ("headphones", vec![category("Audio/Headphones")], &["head-1"]),
        ("headphones", vec![brand("Nobody")], &[]),
        ("", vec![brand("Nobody"), brand("Northpeak")], &["shoe-42", "shoe-43"]),
    ] {
        let query = Query { filters: filters.clone(), ..asking(text) };
        assert_eq!(found(&catalogue, &query), expected, "{text} {filters:?}");
    }
}

#[test]
fn whoever_just_looks_around_has_nothing_counted() {
    let catalogue = published(shop());
    let all = catalogue.search(&asking("")).unwrap();
    let next = catalogue.search(&Query { page: 2, page_size: 2, ..asking(" …") }).unwrap();
    assert!(std::sync::Arc::ptr_eq(&all.facets, &next.facets), "counted once, when it was published");
    assert_eq!(all.total, catalogue.len());
    let skus = |page: &catalogue::Page| page.items.iter().map(|item| item.product.sku).collect::<Vec<_>>();
    assert_eq!(skus(&all), catalogue.iter().map(|item| item.product.sku).collect::<Vec<_>>());
    assert_eq!(skus(&next), skus(&all)[2..4]);
    // A search that every product matches counts the same.
    let of_category = all.facets.iter().find(|counts| counts.dimension == Dimension::Category).unwrap();
    let filters = of_category.values.iter().map(|value| facet(Dimension::Category, &value.value)).collect();
    let counted = catalogue.search(&Query { filters, ..asking("") }).unwrap();
    assert_eq!((counted.total, &counted.facets), (all.total, &all.facets));
}

#[test]
fn facets_are_counted_over_all_pages_and_other_choices_show() {
    let catalogue = published(shop());
    let counts = |query: &Query| -> Vec<(Dimension, Vec<(String, u32)>)> {
        let page = catalogue.search(query).unwrap();
        let counted = page.facets.iter().cloned();
        let pairs =
            |values: Vec<catalogue::FacetCount>| values.into_iter().map(|v| (v.value, v.products)).collect();
        counted.map(|facet| (facet.dimension, pairs(facet.values))).collect()
    };
    let pair = |value: &str, products| (value.to_owned(), products);
    let size = || Dimension::Attribute("Size".to_owned());
    assert_eq!(
        counts(&Query { page_size: 1, ..asking("shoe") }),
        [
            (Dimension::Category, vec![pair("Sport", 2), pair("Sport/Shoes", 2)]),
            (Dimension::Brand, vec![pair("Northpeak", 2)]),
            (size(), vec![pair("42", 1), pair("43", 1)]),
        ]
    );
    // One size is chosen: the other still shows with what it would find; everything else is of the chosen one.
    let query = Query { filters: vec![size_is("42")], ..asking("") };
    assert_eq!(
        counts(&query),
        [
            (Dimension::Category, vec![pair("Sport", 1), pair("Sport/Shoes", 1)]),
            (Dimension::Brand, vec![pair("Northpeak", 1)]),
            (size(), vec![pair("42", 1), pair("43", 1)]),
        ]
    );
}

#[test]
fn pages_are_parts_of_one_order() {
    let products = (0..95).map(|n| product(&format!("p{n:03}"), if n % 2 == 0 { "Lamp" } else { "Lamps" }));
    let catalogue = published(products);
    let page = |page, page_size| catalogue.search(&Query { page, page_size, ..asking("lamp") }).unwrap();
    let mut all = Vec::new();
    for number in 1..=10 {
        let part = page(number, 10);
        assert_eq!((part.total, part.pages, part.page), (95, 10, number));
        all.extend(part.items.iter().map(|item| item.product.sku.to_string()));
    }
    // The exact word first, then the longer one; equal ones by SKU.
    let number = |n: usize| if n < 48 { 2 * n } else { 2 * (n - 48) + 1 };
    assert_eq!(all, (0..95).map(|n| format!("p{:03}", number(n))).collect::<Vec<_>>());
    assert!(page(11, 10).items.is_empty() && page(usize::MAX, usize::MAX).items.is_empty());
    assert_eq!((page(0, 0).page, page(0, 0).items.len()), (1, 1), "too small is the smallest");
    assert_eq!(page(1, 1_000).items.len(), 95);
}

#[test]
fn what_is_removed_or_renamed_is_found_no_more() {
    let mut shelf = shelf();
    shelf.put(product("a", "Lamp")).unwrap();
    shelf.put(product("b", "Lamp")).unwrap();
    let before = shelf.publish().unwrap();
    assert!(shelf.remove(&sku("a")) && !shelf.remove(&sku("a")) && !shelf.remove(&sku("zzz")));
    assert!(shelf.put(product("b", "Chair")).unwrap());
    assert!(!shelf.put(product("b", "Chair")).unwrap(), "nothing changed");
    shelf.put(product("c", "Lamp")).unwrap();
    let after = shelf.publish().unwrap();
    assert_eq!(found(&after, &asking("lamp")), ["c"]);
    assert_eq!(found(&after, &asking("chair")), ["b"]);
    assert!(after.get(&sku("a")).is_none());
    // What was published before is as it was.
    assert_eq!(found(&before, &asking("lamp")), ["a", "b"]);
    assert_eq!(before.len(), 2);
}

#[test]
fn a_version_names_the_content() {
    let [one, two] = [published(shop()), published(shop().into_iter().rev())];
    assert_eq!(one.version(), two.version(), "the way does not matter");
    let mut changed = shop();
    changed[0].title.push('!');
    let three = published(changed);
    assert_ne!(one.version(), three.version());
    let version = |catalogue: &catalogue::Catalogue, name| catalogue.get(&sku(name)).unwrap().version;
    assert_ne!(version(&one, "head-1"), version(&three, "head-1"));
    assert_eq!(version(&one, "cafe"), version(&three, "cafe"));
    let etag = one.version().etag();
    assert!(etag.len() == 34 && etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    assert_eq!(published([]).version(), catalogue::Catalogue::default().version());
}

#[test]
fn texts_fall_back() {
    let product = full();
    for (locale, title, description) in [
        ("", "Trailwind running shoe", "Light, and grips where it is wet.\n\nWashable."),
        ("fr-CA", "Trailwind running shoe", "Light, and grips where it is wet.\n\nWashable."),
        ("de", "Laufschuh für Läufer", "Leicht und griffig."),
        ("DE-CH", "Laufschuh für Läufer", "Leicht und griffig."),
        ("de-at", "Laufpatschen", "Leicht und griffig."),
    ] {
        let text = product.text(locale);
        assert_eq!((text.title, text.description), (title, description), "{locale}");
    }
}
