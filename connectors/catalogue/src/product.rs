//! A product, and what makes it one.

use std::fmt;

use order_model::Sku;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::{
    ATTRIBUTE_VALUE_BYTES_MAX, ATTRIBUTES_MAX, CATEGORY_STEPS_MAX, DESCRIPTION_BYTES_MAX,
    IMAGE_ALT_BYTES_MAX, IMAGE_SOURCE_BYTES_MAX, IMAGES_MAX, LOCALE_BYTES_MAX, LOCALES_MAX, NAME_BYTES_MAX,
    TAGS_MAX, TITLE_BYTES_MAX,
};

/// What is sold, in words and pictures. Price and stock are the ledger's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// Its name in orders and listings.
    #[serde(serialize_with = "write_sku", deserialize_with = "read_sku")]
    pub sku: Sku,
    /// What it is called where no locale says otherwise.
    pub title: String,
    /// What it is, in plain text; an empty line parts paragraphs.
    #[serde(default)]
    pub description: String,
    /// Texts in other languages.
    #[serde(default)]
    pub texts: Vec<LocalText>,
    /// Whose make it is.
    #[serde(default)]
    pub brand: Option<String>,
    /// The path of its category, the widest first.
    #[serde(default)]
    pub category: Vec<String>,
    /// Properties people choose by, in the order they are shown.
    #[serde(default)]
    pub attributes: Vec<Attribute>,
    /// Pictures in the order they are shown.
    #[serde(default)]
    pub images: Vec<Image>,
    /// Words to group products by.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// The texts in one language.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalText {
    /// A language tag as in BCP 47: `de`, `de-AT`.
    pub locale: String,
    /// What it is called there.
    pub title: String,
    /// What it is; empty where a wider text serves.
    #[serde(default)]
    pub description: String,
}

/// A property.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// Which.
    pub name: String,
    /// What it is here.
    pub value: String,
}

/// A picture.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// A URL, or the name of a file in the shop's folder of images.
    pub source: String,
    /// What is to be seen on it, for those who do not see it.
    #[serde(default)]
    pub alt: String,
}

impl Image {
    /// Whether the source is a URL; otherwise it is a file's name, without any folder.
    pub fn is_url(&self) -> bool {
        ["https://", "http://"].iter().any(|scheme| self.source.starts_with(scheme))
    }
}

/// The texts that serve a reader best.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Text<'a> {
    /// The title.
    pub title: &'a str,
    /// The description; empty where there is none in any language that serves.
    pub description: &'a str,
}

/// Why something is no product.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("field {field}: {problem}")]
pub struct ProductError {
    /// Which field, as `texts.title`.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

type Checked = Result<(), ProductError>;

impl Product {
    /// A product with a title and nothing else.
    pub fn new(sku: Sku, title: impl Into<String>) -> Self {
        Self {
            sku,
            title: title.into(),
            description: String::new(),
            texts: Vec::new(),
            brand: None,
            category: Vec::new(),
            attributes: Vec::new(),
            images: Vec::new(),
            tags: Vec::new(),
        }
    }

    /// The texts for `locale`: those of the locale itself, where it has none those of its language (`de` for `de-AT`),
    /// where that has none the product's own. Title and description fall back each for itself.
    pub fn text(&self, locale: &str) -> Text<'_> {
        let language = locale.split('-').next().unwrap_or_default();
        let of = |tag: &str| self.texts.iter().find(|text| text.locale.eq_ignore_ascii_case(tag));
        let mut text = Text { title: &self.title, description: &self.description };
        for local in [of(language), of(locale)].into_iter().flatten() {
            text.title = &local.title;
            if !local.description.is_empty() {
                text.description = &local.description;
            }
        }
        text
    }

    /// Whether every field is what it may be.
    pub fn check(&self) -> Checked {
        title("title", &self.title)?;
        description("description", &self.description)?;
        at_most("texts", self.texts.len(), LOCALES_MAX)?;
        for (index, text) in self.texts.iter().enumerate() {
            locale(&text.locale)?;
            title("texts.title", &text.title)?;
            description("texts.description", &text.description)?;
            let earlier = self.texts.iter().take(index);
            once("texts.locale", earlier, |earlier| earlier.locale.eq_ignore_ascii_case(&text.locale))?;
        }
        self.brand.as_deref().map_or(Ok(()), |brand| line("brand", brand, NAME_BYTES_MAX))?;
        at_most("category", self.category.len(), CATEGORY_STEPS_MAX)?;
        for step in &self.category {
            line("category", step, NAME_BYTES_MAX)?;
            must(!step.contains('/'), "category", "a step has no slash")?;
        }
        at_most("attributes", self.attributes.len(), ATTRIBUTES_MAX)?;
        for (index, attribute) in self.attributes.iter().enumerate() {
            line("attributes.name", &attribute.name, NAME_BYTES_MAX)?;
            line("attributes.value", &attribute.value, ATTRIBUTE_VALUE_BYTES_MAX)?;
            once("attributes", self.attributes.iter().take(index), |earlier| *earlier == attribute)?;
        }
        at_most("images", self.images.len(), IMAGES_MAX)?;
        self.images.iter().try_for_each(image)?;
        at_most("tags", self.tags.len(), TAGS_MAX)?;
        for (index, tag) in self.tags.iter().enumerate() {
            line("tags", tag, NAME_BYTES_MAX)?;
            once("tags", self.tags.iter().take(index), |earlier| *earlier == tag)?;
        }
        Ok(())
    }
}

fn must(holds: bool, field: &'static str, problem: &'static str) -> Checked {
    if holds { Ok(()) } else { Err(ProductError { field, problem }) }
}

fn at_most(field: &'static str, count: usize, max: usize) -> Checked {
    must(count <= max, field, "more than a product has")
}

fn once<T>(field: &'static str, mut earlier: impl Iterator<Item = T>, same: impl Fn(&T) -> bool) -> Checked {
    must(!earlier.any(|each| same(&each)), field, "stands there twice")
}

fn title(field: &'static str, text: &str) -> Checked {
    line(field, text, TITLE_BYTES_MAX)
}

/// A text of one line that says something.
fn line(field: &'static str, text: &str, bytes_max: usize) -> Checked {
    must(!text.trim().is_empty(), field, "is empty")?;
    must(text.len() <= bytes_max, field, "longer than can be")?;
    must(!text.chars().any(char::is_control), field, "has a control character")
}

fn description(field: &'static str, text: &str) -> Checked {
    must(text.len() <= DESCRIPTION_BYTES_MAX, field, "longer than can be")?;
    must(!text.chars().any(|c| c.is_control() && c != '\n'), field, "has a control character")
}

fn locale(tag: &str) -> Checked {
    let parts_fit = tag
        .split('-')
        .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let fits = parts_fit && tag.len() >= 2 && tag.len() <= LOCALE_BYTES_MAX;
    must(fits, "texts.locale", "a locale is a language tag as `de` or `de-AT`")
}

fn image(image: &Image) -> Checked {
    let field = "images.source";
    line(field, &image.source, IMAGE_SOURCE_BYTES_MAX)?;
    if image.is_url() {
        must(!image.source.contains([' ', '"', '<', '>']), field, "no URL has these characters")?;
    } else {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let is_name = image.source.bytes().all(fits) && !image.source.starts_with('.');
        must(
            is_name,
            field,
            "an https:// or http:// URL, or a file's name of letters, digits, `.`, `-`, `_`",
        )?;
    }
    must(image.alt.len() <= IMAGE_ALT_BYTES_MAX, "images.alt", "longer than can be")?;
    must(!image.alt.chars().any(char::is_control), "images.alt", "has a control character")
}

fn write_sku<S: Serializer>(sku: &Sku, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(sku.as_str())
}

fn read_sku<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sku, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

/// Names a content: a product's, or a whole catalogue's. The same content has the same version, whoever computes it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Version(u128);

impl Version {
    /// The version of a product with these Avro bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let hash = blake3::hash(bytes);
        Self(hash.as_bytes().first_chunk().map_or(0, |first| u128::from_le_bytes(*first)))
    }

    /// The version of a catalogue to which this content is added.
    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// The version of a catalogue from which this content is taken.
    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }

    /// As a strong entity tag, with its quotes.
    pub fn etag(self) -> String {
        format!("\"{self}\"")
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
