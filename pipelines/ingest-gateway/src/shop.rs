//! What a shop has beside its orders: pages, products and pictures.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use catalogue::{Catalogue, CatalogueFollower, Dimension, Image, Page, Product, Query, demo_image};
use order_model::Sku;
use storefront::Storefront;
use storefront::views::Picture;

use crate::limits::{IMAGE_BYTES_MAX, IMAGE_NAME_BYTES_MAX};
use crate::service::Refusal;
use crate::together::Together;

/// Where pictures are that are no URLs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Images {
    /// The demo's drawings, which are in the program.
    Demo,
    /// Files of a folder; none of the folders within.
    Folder(PathBuf),
}

/// A picture, ready to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageFile {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub content_type: &'static str,
}

/// Pages, products and pictures.
pub struct Shop {
    /// The pages.
    pub pages: Storefront,
    /// The products.
    pub catalogue: Arc<CatalogueFollower>,
    /// The pictures.
    pub images: Images,
}

impl fmt::Debug for Shop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shop").field("images", &self.images).finish_non_exhaustive()
    }
}

impl Shop {
    /// Whether the products are known that there were at the start. Where they cannot be read, nobody waits for them: what is
    /// sold can be ordered without.
    pub fn is_ready(&self) -> bool {
        self.catalogue.caught_up() || self.catalogue.status().fault.is_some()
    }

    /// The products as they are now.
    pub fn products(&self) -> Arc<Catalogue> {
        self.catalogue.snapshot()
    }

    /// Looks for products.
    pub fn search(&self, query: &Query) -> Result<Page, Refusal> {
        self.products().search(query).map_err(|error| {
            tracing::error!("{error}");
            Refusal::SearchFailed
        })
    }

    /// A product.
    pub fn product(&self, sku: &Sku) -> Result<Product, Refusal> {
        self.products().get(sku).map(|item| item.product.clone()).ok_or(Refusal::ProductUnknown)
    }

    /// What is bought together with a product, with its title, most often first: nothing, where nobody has counted it.
    pub async fn bought_together(&self, together: Option<&Together>, sku: Sku) -> Vec<(Sku, String)> {
        let products = self.products();
        // Only what there is is counted: whoever makes names up costs nothing.
        let skus = match together {
            Some(together) if products.get(&sku).is_some() => together.of(sku).await,
            _ => return Vec::new(),
        };
        skus.iter().filter_map(|sku| Some((*sku, products.get(sku)?.product.title.clone()))).collect()
    }

    /// Reads a picture; `None` when there is none of that name, or it is too large. Blocks.
    pub fn image(&self, name: &str) -> Option<ImageFile> {
        let content_type = content_type_of(name)?;
        let bytes = match &self.images {
            Images::Demo => demo_image(name)?.as_bytes().to_vec(),
            Images::Folder(folder) => {
                let file = folder.join(name);
                let size = std::fs::metadata(&file).ok().filter(std::fs::Metadata::is_file)?.len();
                if size > IMAGE_BYTES_MAX {
                    return None;
                }
                std::fs::read(file).ok()?
            }
        };
        Some(ImageFile { bytes, content_type })
    }
}

/// The media type of a picture's file; `None` where the name is not that of a file in a folder, or the kind is unknown.
fn content_type_of(name: &str) -> Option<&'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.len() > IMAGE_NAME_BYTES_MAX || name.starts_with('.') || !name.bytes().all(is_plain) {
        return None;
    }
    match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
        "avif" => Some("image/avif"),
        "gif" => Some("image/gif"),
        "jpg" | "jpeg" => Some("image/jpeg"),
        "png" => Some("image/png"),
        "svg" => Some("image/svg+xml"),
        "webp" => Some("image/webp"),
        _ => None,
    }
}

/// What people call the dimension they choose by; `None` where they cannot.
pub(crate) fn choice_name(dimension: &Dimension) -> Option<&'static str> {
    match dimension {
        Dimension::Category => Some("category"),
        Dimension::Brand => Some("brand"),
        Dimension::Tag => Some("tag"),
        Dimension::Attribute(_) => None,
    }
}

/// A picture as a page links to it.
pub(crate) fn picture(image: &Image) -> Picture {
    let link = if image.is_url() { image.source.clone() } else { format!("/images/{}", image.source) };
    Picture { link, alt: image.alt.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_folder_are_pictures() {
        for (name, kind) in [
            ("shoe.svg", Some("image/svg+xml")),
            ("a_b-1.JPG", Some("image/jpeg")),
            ("../keys.png", None),
            ("a/b.png", None),
            ("a\\b.png", None),
            (".png", None),
            ("..png", None),
            ("%2e%2e.png", None),
            ("shoe", None),
            ("shoe.html", None),
            ("", None),
        ] {
            assert_eq!(content_type_of(name), kind, "{name}");
        }
    }
}
