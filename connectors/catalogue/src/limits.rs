//! Every maximum of the catalogue, with its unit in its name.

use std::time::Duration;

/// Most products of a catalogue.
pub const PRODUCTS_MAX: usize = 100_000;
/// Most bytes of all products together, in Avro.
pub const CATALOGUE_BYTES_MAX: usize = 256 * 1_048_576;
/// Most bytes of a product, in Avro.
pub const PRODUCT_BYTES_MAX: usize = 65_536;

/// Longest title, in bytes of UTF-8.
pub const TITLE_BYTES_MAX: usize = 200;
/// Longest description, in bytes of UTF-8.
pub const DESCRIPTION_BYTES_MAX: usize = 16_384;
/// Most languages of a product besides its own.
pub const LOCALES_MAX: usize = 40;
/// Longest language tag, in bytes.
pub const LOCALE_BYTES_MAX: usize = 35;
/// Longest brand, step of a category's path, tag, or name of an attribute, in bytes of UTF-8.
pub const NAME_BYTES_MAX: usize = 80;
/// Most steps of a category's path.
pub const CATEGORY_STEPS_MAX: usize = 8;
/// Most attributes of a product.
pub const ATTRIBUTES_MAX: usize = 64;
/// Longest value of an attribute, in bytes of UTF-8.
pub const ATTRIBUTE_VALUE_BYTES_MAX: usize = 200;
/// Most images of a product.
pub const IMAGES_MAX: usize = 32;
/// Longest source of an image, in bytes.
pub const IMAGE_SOURCE_BYTES_MAX: usize = 2_048;
/// Longest words for an image, in bytes of UTF-8.
pub const IMAGE_ALT_BYTES_MAX: usize = 500;
/// Most tags of a product.
pub const TAGS_MAX: usize = 32;

/// Longest text that is searched for, in bytes of UTF-8; the rest is not looked at.
pub const QUERY_BYTES_MAX: usize = 200;
/// Most words that are searched for; the rest are not looked at.
pub const QUERY_WORDS_MAX: usize = 10;
/// Longest word that is indexed or searched for, in bytes.
pub const WORD_BYTES_MAX: usize = 40;
/// Most filters of a query; the rest are not looked at.
pub const FILTERS_MAX: usize = 32;
/// Most products of a page.
pub const PAGE_SIZE_MAX: usize = 100;
/// Most values counted for one facet: the most frequent ones.
pub const FACET_VALUES_MAX: usize = 50;
/// Most facets of attributes that are counted: those of the most products.
pub const ATTRIBUTE_FACETS_MAX: usize = 20;

/// Bytes the index may use to take documents between two commits: the least that tantivy works with.
pub const INDEX_BUFFER_BYTES: usize = 15_000_000;
/// Share of deleted documents from which a segment is written anew.
pub const DELETED_SHARE_MAX: f32 = 0.3;
/// Most changes that are taken before readers see them.
pub const UNSEEN_CHANGES_MAX: usize = 10_000;
/// Longest time that changes are taken before readers see them.
pub const UNSEEN_TIME_MAX: Duration = Duration::from_millis(500);

/// Most records read at once.
pub const READ_RECORDS_MAX: usize = 1_024;
/// Most bytes read at once.
pub const READ_BYTES_MAX: usize = 4 * 1_048_576;
/// Longest wait inside one poll; also how soon the follower hears that it is to stop.
pub const POLL_WAIT: Duration = Duration::from_millis(50);
/// Pause after a failure before the next attempt.
pub const FAILURE_PAUSE: Duration = Duration::from_millis(500);
/// How long a record that is stored may take to be read, where somebody waits for it.
pub const READ_SILENCE_MAX: Duration = Duration::from_secs(10);
/// Skipped records whose place and reason are remembered: the latest ones. All are counted.
pub const SKIPPED_KEPT_MAX: usize = 32;
/// Most products written in one batch.
pub const WRITE_BATCH_PRODUCTS_MAX: usize = 100;
/// Longest wait for the log to acknowledge a batch.
pub const ACKNOWLEDGE_WAIT_MAX: Duration = Duration::from_secs(30);
/// Largest catalogue file, in bytes.
pub const FILE_BYTES_MAX: usize = 64 * 1_048_576;

const _: () = assert!(PRODUCT_BYTES_MAX < order_log::limits::RECORD_BYTES_MAX);
