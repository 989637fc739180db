//! Products as record values: Avro in Confluent's wire format.

use std::sync::Arc;

use order_codec::avro::{Cursor, Encode, Read, array, whole};
use order_codec::schemas::{PRODUCT_SUBJECT, PRODUCT_V1};
use order_codec::{BadRecord, DecodeError, RegistryError, SchemaSource, SubjectCodec};

use crate::limits::{
    ATTRIBUTE_VALUE_BYTES_MAX, ATTRIBUTES_MAX, CATEGORY_STEPS_MAX, DESCRIPTION_BYTES_MAX,
    IMAGE_ALT_BYTES_MAX, IMAGE_SOURCE_BYTES_MAX, IMAGES_MAX, LOCALE_BYTES_MAX, LOCALES_MAX, NAME_BYTES_MAX,
    TAGS_MAX, TITLE_BYTES_MAX,
};
use crate::product::{Attribute, Image, LocalText, Product, ProductError};

/// Reads and writes record values of `catalogue`. Cheap to clone.
///
/// Reading a value of a foreign schema may ask the registry, and so may block; values of our own never do.
#[derive(Clone, Debug)]
pub struct ProductCodec(SubjectCodec);

impl ProductCodec {
    /// Finds, or registers, the id of our schema.
    pub fn new(source: Arc<dyn SchemaSource>) -> Result<Self, RegistryError> {
        Ok(Self(SubjectCodec::new(source, PRODUCT_SUBJECT, "Product", PRODUCT_V1)?))
    }

    /// Appends a product as a record value.
    pub fn product_to(&self, product: &Product, out: &mut Vec<u8>) {
        self.0.head_to(out);
        encode_product(product, out);
    }

    /// Reads a product from a record value. What comes back passes [`Product::check`].
    pub fn product_from(&self, value: &[u8]) -> Result<Product, DecodeError> {
        Ok(decode_product(&self.0.ours(Some(value))?)?)
    }
}

/// Appends a product as Avro bytes of the product schema, version 1.
pub fn encode_product(product: &Product, out: &mut Vec<u8>) {
    out.text(product.sku.as_bytes());
    out.text(product.title.as_bytes());
    out.text(product.description.as_bytes());
    array(out, &product.texts, |out, text| {
        out.text(text.locale.as_bytes());
        out.text(text.title.as_bytes());
        out.text(text.description.as_bytes());
    });
    out.present(product.brand.is_some());
    if let Some(brand) = &product.brand {
        out.text(brand.as_bytes());
    }
    array(out, &product.category, |out, step| out.text(step.as_bytes()));
    array(out, &product.attributes, |out, attribute| {
        out.text(attribute.name.as_bytes());
        out.text(attribute.value.as_bytes());
    });
    array(out, &product.images, |out, image| {
        out.text(image.source.as_bytes());
        out.text(image.alt.as_bytes());
    });
    array(out, &product.tags, |out, tag| out.text(tag.as_bytes()));
}

/// Reads a product from Avro bytes of the product schema, version 1.
pub fn decode_product(bytes: &[u8]) -> Result<Product, BadRecord> {
    let product = whole(bytes, read_product)?;
    match product.check() {
        Ok(()) => Ok(product),
        Err(ProductError { field, problem }) => Err(BadRecord::FieldInvalid { field, problem }),
    }
}

fn read_product(cursor: &mut Cursor<'_>) -> Read<Product> {
    let mut product = Product::new(cursor.sku("sku")?, text(cursor, "title", TITLE_BYTES_MAX)?);
    product.description = text(cursor, "description", DESCRIPTION_BYTES_MAX)?;
    cursor.array("texts", LOCALES_MAX, |cursor| {
        product.texts.push(LocalText {
            locale: text(cursor, "texts.locale", LOCALE_BYTES_MAX)?,
            title: text(cursor, "texts.title", TITLE_BYTES_MAX)?,
            description: text(cursor, "texts.description", DESCRIPTION_BYTES_MAX)?,
        });
        Ok(())
    })?;
    if cursor.present("brand")? {
        product.brand = Some(text(cursor, "brand", NAME_BYTES_MAX)?);
    }
    cursor.array("category", CATEGORY_STEPS_MAX, |cursor| {
        product.category.push(text(cursor, "category", NAME_BYTES_MAX)?);
        Ok(())
    })?;
    cursor.array("attributes", ATTRIBUTES_MAX, |cursor| {
        product.attributes.push(Attribute {
            name: text(cursor, "attributes.name", NAME_BYTES_MAX)?,
            value: text(cursor, "attributes.value", ATTRIBUTE_VALUE_BYTES_MAX)?,
        });
        Ok(())
    })?;
    cursor.array("images", IMAGES_MAX, |cursor| {
        product.images.push(Image {
            source: text(cursor, "images.source", IMAGE_SOURCE_BYTES_MAX)?,
            alt: text(cursor, "images.alt", IMAGE_ALT_BYTES_MAX)?,
        });
        Ok(())
    })?;
    cursor.array("tags", TAGS_MAX, |cursor| {
        product.tags.push(text(cursor, "tags", NAME_BYTES_MAX)?);
        Ok(())
    })?;
    Ok(product)
}

fn text(cursor: &mut Cursor<'_>, field: &'static str, bytes_max: usize) -> Read<String> {
    cursor.text(field, bytes_max).map(str::to_owned)
}
