//! The catalogue: what is sold, in words and pictures.
//!
//! Products lie on the compacted topic `catalogue`, the newest record of each SKU holds. A [`CatalogueFollower`] keeps them
//! in memory as a [`Catalogue`] that is searched without asking anybody; a [`Shelf`] is one that can still change.
//! [`plan`] and [`CatalogueTopic::write`] bring the topic to where a file wants it.
//!
//! Promised: the same records give the same catalogue with the same [`Version`] and the same answers on every gateway;
//! bytes of any kind are a product or are skipped and counted with their place, and never stop a reader; memory is bounded
//! by [`ShelfLimits`].
//!
//! Not promised: price and stock, which are the ledger's; that a product is in any sale.

mod catalogue;
mod codec;
mod demo;
mod facets;
mod file;
mod follower;
mod index;
pub mod limits;
mod product;
mod reading;
mod shelf;
mod words;
mod writer;

pub use catalogue::{Catalogue, Item, Page, Query, SearchError};
pub use codec::{ProductCodec, decode_product, encode_product};
pub use demo::{demo_image, demo_images, demo_products};
pub use facets::{Dimension, Facet, FacetCount, FacetCounts};
pub use file::{CatalogueFileError, parse_catalogue};
pub use follower::{CatalogueFollower, FollowerStatus};
pub use product::{Attribute, Image, LocalText, Product, ProductError, Text, Version};
pub use reading::{CatalogueTopic, Change, ReadError, SkipReason, Skipped, SkippedRecords};
pub use shelf::{Shelf, ShelfError, ShelfLimits};
pub use writer::{Action, Planned, WriteError, changes, plan, try_on};
