//! The demo's wares, invented: texts in English and German, and drawings.

use crate::file::{CatalogueFileError, parse_catalogue};
use crate::product::Product;

/// The file of the demo, which is also an example of how one looks.
const FILE: &str = include_str!("../demo/catalogue.toml");

/// The products of the demo's sale.
pub fn demo_products() -> Result<Vec<Product>, CatalogueFileError> {
    parse_catalogue(FILE)
}

/// The drawing with this name, as SVG.
pub fn demo_image(name: &str) -> Option<&'static str> {
    demo_images().iter().find(|(known, _)| *known == name).map(|(_, svg)| *svg)
}

/// Every drawing: its file's name, and the SVG.
pub fn demo_images() -> &'static [(&'static str, &'static str)] {
    &IMAGES
}

/// The drawings, by the names of their files.
macro_rules! images {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../demo/images/", $name)))),*]
    };
}

static IMAGES: [(&str, &str); 18] = images![
    "backpack.svg",
    "camera-kit.svg",
    "coffee-grinder.svg",
    "console.svg",
    "drone.svg",
    "early-bird.svg",
    "gift-card.svg",
    "headphones-black.svg",
    "headphones-white.svg",
    "keyboard.svg",
    "monitor-27.svg",
    "mouse.svg",
    "poster-signed.svg",
    "sneaker.svg",
    "speaker.svg",
    "tablet-11.svg",
    "watch-gold.svg",
    "watch-silver.svg",
];
