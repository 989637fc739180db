//! Every maximum of the codec, with its unit in its name. What a *ledger* allows is in [`order_model::limits`]; these
//! are wider, so that an order that asks for too much is readable and gets its answer by name.

use std::time::Duration;

/// Most lines of a readable order, and of a decision about it: far above [`order_model::limits::LINES_MAX`], and few
/// enough that the order still fits a record after it was forwarded inside a relay.
pub const LINES_READABLE_MAX: usize = 256;
/// Most price steps of readable settings.
pub const PRICE_STEPS_READABLE_MAX: usize = 256;
/// Longest readable name of a sale, in bytes of UTF-8.
pub const SALE_NAME_READABLE_BYTES_MAX: usize = 1_024;
/// Longest name of a topic, in bytes: Kafka's own limit.
pub const TOPIC_NAME_BYTES_MAX: usize = 249;
/// Most bytes of a key kept in a dead letter; the rest is cut off.
pub const DEAD_LETTER_KEY_BYTES_MAX: usize = 65_536;
/// Most bytes of a value kept in a dead letter; the rest is cut off.
pub const DEAD_LETTER_VALUE_BYTES_MAX: usize = 524_288;
/// Most bytes of headers kept in a dead letter; the rest is cut off.
pub const DEAD_LETTER_HEADERS_BYTES_MAX: usize = 65_536;
/// Longest explanation in a dead letter, in bytes of UTF-8.
pub const DEAD_LETTER_DETAIL_BYTES_MAX: usize = 1_024;
/// Longest text of a foreign schema, in bytes.
pub const SCHEMA_BYTES_MAX: usize = 1_048_576;
/// Deepest nesting of a foreign schema, in types; a schema that contains itself is deeper than any limit.
pub const SCHEMA_DEPTH_MAX: usize = 32;
/// Most types of a foreign schema, each counted as often as it is used.
pub const SCHEMA_NODES_MAX: usize = 4_096;
/// Most values read for one record under a foreign schema.
pub const FOREIGN_VALUES_MAX: usize = 262_144;
/// Most foreign schemas remembered; beyond it all are forgotten and asked for again.
pub const FOREIGN_SCHEMAS_MAX: usize = 256;
/// How long a registry's "no such id" is believed before it is asked again.
pub const UNKNOWN_ID_BELIEVED: Duration = Duration::from_secs(1);
/// Longest wait for one answer of the registry.
pub const REGISTRY_TIMEOUT: Duration = Duration::from_secs(5);
/// How often one schema is tried to be registered, each time after looking whether another worker did.
pub const REGISTER_ATTEMPTS_MAX: u32 = 4;
/// Most MAC keys valid at the same time: the one in use and the one being rotated in.
pub const KEYS_VALID_AT_ONCE_MAX: usize = 2;
/// Most MAC keys of a ring, old ones included.
pub const KEYS_MAX: usize = 1_024;

const _: () = assert!(
    LINES_READABLE_MAX * (order_model::limits::SKU_BYTES_MAX + 8) + 256
        < order_model::limits::RECORD_VALUE_BYTES_MAX
);
