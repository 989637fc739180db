//! The demo's shop window is complete.

use std::collections::BTreeSet;

use catalogue::{demo_image, demo_images, demo_products};

use crate::support::{asking, found, published};

#[test]
fn every_product_has_words_in_two_languages_and_a_picture() {
    let products = demo_products().unwrap();
    let mut used = BTreeSet::new();
    for product in &products {
        let (own, german) = (product.text("en"), product.text("de"));
        assert!(own.title != german.title && own.description != german.description, "{}", product.sku);
        assert!(!product.category.is_empty() && !product.attributes.is_empty() && !product.tags.is_empty());
        let image = product.images.first().unwrap();
        assert!(!image.alt.is_empty(), "{}", product.sku);
        let svg = demo_image(&image.source).unwrap_or_else(|| panic!("no picture {}", image.source));
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && !svg.contains("<script"));
        used.insert(image.source.as_str());
    }
    assert_eq!(used, demo_images().iter().map(|(name, _)| *name).collect(), "every picture is used");
    let catalogue = published(products);
    assert_eq!(found(&catalogue, &asking("kopfhoerer weiss")), ["headphones-white"]);
    assert_eq!(found(&catalogue, &asking("sneker 42")), ["sneaker-42"]);
}

/// What the demo sells is what it shows. The names are those of `order-traffic`.
#[test]
fn the_demos_wares_are_there() {
    let shown: BTreeSet<String> = demo_products().unwrap().iter().map(|p| p.sku.to_string()).collect();
    let sold = order_traffic::SaleSpec::demo(100, 4).listings;
    assert_eq!(shown, sold.iter().map(|listing| listing.sku.to_string()).collect());
}
