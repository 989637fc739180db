//! Every maximum of accounts and carts, with its unit in its name, in one place.

/// Shortest password, in characters (NIST SP 800-63B).
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Longest password, in characters.
pub const PASSWORD_CHARS_MAX: usize = 128;
/// Longest text that is looked at for a password, in bytes: composing it may shorten it.
pub const PASSWORD_BYTES_MAX: usize = 4 * 4 * PASSWORD_CHARS_MAX;
/// Longest e-mail address, in bytes (RFC 5321).
pub const EMAIL_BYTES_MAX: usize = 254;
/// Longest name of a language and region that is kept, in bytes.
pub const LOCALE_BYTES_MAX: usize = 35;

/// Memory one password hash takes, in kibibytes: 19 MiB, as OWASP recommends with two passes.
pub const ARGON2_MEMORY_KIB: u32 = 19 * 1_024;
/// Passes over that memory.
pub const ARGON2_PASSES: u32 = 2;
/// Lanes of a password hash; it runs on one thread whatever this says.
pub const ARGON2_LANES: u32 = 1;
/// Most password hashes at the same time, where the options do not say.
pub const HASHES_AT_ONCE_DEFAULT: usize = 2;
/// Most requests that wait for a password hash; further ones are told to come back.
pub const HASHES_WAITING_MAX: usize = 64;
/// When to come back where too much goes on, in milliseconds.
pub const BUSY_RETRY_MS: u64 = 2_000;

/// How long an access token is good for, in milliseconds: 15 minutes.
pub const ACCESS_MS: u64 = 15 * 60_000;
/// Longest text that is looked at for an access token, in bytes.
pub const ACCESS_TOKEN_BYTES_MAX: usize = 1_024;
/// How far the clocks of two gateways may differ, in milliseconds.
pub const CLOCK_SKEW_MS_MAX: u64 = 60_000;
/// How long a refresh token is good for, in milliseconds after it was given: 30 days.
pub const REFRESH_MS: u64 = 30 * 24 * 3_600_000;
/// How long somebody stays logged in at most without the password, in milliseconds: 180 days.
pub const FAMILY_MS_MAX: u64 = 180 * 24 * 3_600_000;
/// For how long the token before the newest is taken for a second tab or a lost answer, not for a theft, in milliseconds.
pub const REFRESH_GRACE_MS: u64 = 10_000;
/// Most log-ins of one customer at the same time; then the oldest ends.
pub const FAMILIES_MAX: usize = 32;
/// How long the link that verifies an address is good for, in milliseconds: one day.
pub const VERIFY_MS: u64 = 24 * 3_600_000;
/// How long the link that sets a new password is good for, in milliseconds: one hour.
pub const RESET_MS: u64 = 3_600_000;
/// How long an account waits for its address to be verified, in milliseconds: seven days.
pub const UNVERIFIED_MS: u64 = 7 * 24 * 3_600_000;

/// Most keys of tokens at the same time.
pub const KEYS_VALID_AT_ONCE_MAX: usize = 2;
/// Before a new key signs, so that every gateway has read it, in milliseconds: five minutes.
pub const KEY_LEAD_MS: u64 = 5 * 60_000;
/// Largest file of keys, in bytes.
pub const KEY_FILE_BYTES_MAX: u64 = 16_384;

/// Failed log-ins under one e-mail address within [`ATTEMPTS_WINDOW_MS`]; counted apart, wrong passwords with links to it.
pub const LOG_INS_PER_ADDRESS_MAX: u32 = 10;
/// Failed log-ins from one network address within [`ATTEMPTS_WINDOW_MS`]; many people may share one.
pub const LOG_INS_PER_NETWORK_MAX: u32 = 100;
/// What attempts are counted over, in milliseconds: 15 minutes.
pub const ATTEMPTS_WINDOW_MS: u64 = 15 * 60_000;
/// Letters of one kind to one e-mail address within [`LETTERS_WINDOW_MS`].
pub const LETTERS_PER_ADDRESS_MAX: u32 = 5;
/// Letters asked for from one network address within [`LETTERS_WINDOW_MS`].
pub const LETTERS_PER_NETWORK_MAX: u32 = 60;
/// What letters are counted over, in milliseconds: one hour.
pub const LETTERS_WINDOW_MS: u64 = 3_600_000;

/// How often a registration is tried when others register the same address at the same moment.
pub const REGISTER_TRIES_MAX: u32 = 8;

/// Most letters that wait for the mail server; then whoever needs one is told to come back.
pub const LETTERS_QUEUED_MAX: usize = 1_024;
/// Most letters on their way at the same time.
pub const LETTERS_AT_ONCE_MAX: usize = 8;
/// How often a letter is tried in all.
pub const LETTER_TRIES_MAX: u32 = 5;
/// First pause before a letter is tried again, in milliseconds; it doubles with each further one.
pub const LETTER_PAUSE_MS: u64 = 1_000;
/// Most letters that an outbox in memory keeps; then the oldest go.
pub const OUTBOX_LETTERS_MAX: usize = 1_000;

/// How long an untouched cart is kept, in milliseconds: 30 days.
pub const CART_MS: u64 = 30 * 24 * 3_600_000;
/// For how long a repeated check-out of a cart that is empty since is taken for the same one, in milliseconds: one hour.
pub const CHECKOUT_REPEAT_MS: u64 = 3_600_000;
/// How often a change to a cart is tried when others change it too.
pub const CART_TRIES_MAX: u32 = 24;

/// How often a request to DynamoDB is made in all.
pub const TABLE_TRIES_MAX: u32 = 6;
/// After so long a request to DynamoDB is not made again, in milliseconds: somebody waits for the answer.
pub const TABLE_MS_MAX: u64 = 8_000;
/// First pause before a request is made again, in milliseconds; it doubles with each further one.
pub const TABLE_PAUSE_MS_MIN: u64 = 5;
/// Longest pause before a request is made again, in milliseconds.
pub const TABLE_PAUSE_MS_MAX: u64 = 320;
/// Most items removed under one key when somebody's data are deleted, in one call.
pub const ERASED_ITEMS_MAX: usize = 10_000;

const _: () = assert!(PASSWORD_CHARS_MIN < PASSWORD_CHARS_MAX);
const _: () = assert!(REFRESH_GRACE_MS < ACCESS_MS && ACCESS_MS < REFRESH_MS && REFRESH_MS < FAMILY_MS_MAX);
const _: () = assert!(RESET_MS < UNVERIFIED_MS && VERIFY_MS < UNVERIFIED_MS);
const _: () = assert!(LETTERS_AT_ONCE_MAX <= LETTERS_QUEUED_MAX);
