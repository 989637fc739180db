//! How often somebody tried something lately, counted in the table `sessions`, so that any number of gateways share one
//! count. Whose count it is stands there as a keyed hash: the table tells neither addresses nor networks.
//!
//! A count is over a fixed window: at worst twice the limit passes within the time of one, across its border.

use std::net::IpAddr;

use order_model::TimeMs;
use tables::sdk::types::ReturnValue;
use tables::{Table, Tables};

use crate::email::EmailAddress;
use crate::keys::{Key, Purpose, TokenKeys};
use crate::limits::{
    ATTEMPTS_WINDOW_MS, LETTERS_PER_ADDRESS_MAX, LETTERS_PER_NETWORK_MAX, LETTERS_WINDOW_MS,
    LOG_INS_PER_ADDRESS_MAX, LOG_INS_PER_NETWORK_MAX,
};
use crate::store::{StoreError, ask_plainly, delete_found, expiry, key, number, under};

const COUNT: &str = "count attempts";

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Counter {
    LogInsOfAddress,
    LogInsFromNetwork,
    /// Passwords tried with a link that verifies the address: only who reads its mail can use these up.
    LinksOfAddress,
    /// Letters of each kind have a count of their own, so that nobody can keep an address from one by asking for another.
    RegistrationsOfAddress,
    ResendsToAddress,
    ResetsToAddress,
    LettersFromNetwork,
}

impl Counter {
    const OF_ADDRESS: [Self; 5] = [
        Self::LogInsOfAddress,
        Self::LinksOfAddress,
        Self::RegistrationsOfAddress,
        Self::ResendsToAddress,
        Self::ResetsToAddress,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::LogInsOfAddress => "log-ins-of-address",
            Self::LogInsFromNetwork => "log-ins-from-network",
            Self::LinksOfAddress => "links-of-address",
            Self::RegistrationsOfAddress => "registrations-of-address",
            Self::ResendsToAddress => "resends-to-address",
            Self::ResetsToAddress => "resets-to-address",
            Self::LettersFromNetwork => "letters-from-network",
        }
    }

    const fn max(self) -> u32 {
        match self {
            Self::LogInsOfAddress | Self::LinksOfAddress => LOG_INS_PER_ADDRESS_MAX,
            Self::LogInsFromNetwork => LOG_INS_PER_NETWORK_MAX,
            Self::RegistrationsOfAddress | Self::ResendsToAddress | Self::ResetsToAddress => {
                LETTERS_PER_ADDRESS_MAX
            }
            Self::LettersFromNetwork => LETTERS_PER_NETWORK_MAX,
        }
    }

    const fn window_ms(self) -> u64 {
        match self {
            Self::LogInsOfAddress | Self::LogInsFromNetwork | Self::LinksOfAddress => ATTEMPTS_WINDOW_MS,
            Self::RegistrationsOfAddress
            | Self::ResendsToAddress
            | Self::ResetsToAddress
            | Self::LettersFromNetwork => LETTERS_WINDOW_MS,
        }
    }
}

/// Whose attempts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who<'a> {
    Address(&'a EmailAddress),
    Network(IpAddr),
}

impl Who<'_> {
    /// Whoever has one address of IPv6 has 2^64.
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Address(address) => address.key().as_bytes().to_vec(),
            Self::Network(address) => match address.to_canonical() {
                IpAddr::V4(address) => address.octets().to_vec(),
                IpAddr::V6(address) => address.octets().into_iter().take(8).collect(),
            },
        }
    }

    fn subject(self, counter: Counter, key: &Key) -> String {
        let mut bytes = counter.name().as_bytes().to_vec();
        bytes.push(0);
        bytes.extend(self.bytes());
        let hash = key.mac(Purpose::Attempts, &bytes);
        let shown: String = hash.as_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("attempts#{}#{shown}", counter.name())
    }
}

/// Too much was tried; how long until the count begins anew, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TooMany {
    pub(crate) retry_after_ms: u64,
}

/// Counts attempts.
#[derive(Clone, Debug)]
pub(crate) struct Attempts {
    tables: Tables,
    keys: TokenKeys,
}

impl Attempts {
    pub(crate) fn over(tables: Tables, keys: TokenKeys) -> Self {
        Self { tables, keys }
    }

    /// Counts one more attempt; `Err` when it is one too many.
    pub(crate) async fn count(
        &self,
        counter: Counter,
        who: Who<'_>,
        now: TimeMs,
    ) -> Result<Result<(), TooMany>, StoreError> {
        let counted = self.add(counter, who, now, 1).await?;
        let retry_after_ms = window_end(counter, now) - now.0;
        Ok(if counted <= i64::from(counter.max()) { Ok(()) } else { Err(TooMany { retry_after_ms }) })
    }

    /// Takes an attempt back that turned out to be none.
    pub(crate) async fn give_back(
        &self,
        counter: Counter,
        who: Who<'_>,
        now: TimeMs,
    ) -> Result<(), StoreError> {
        self.add(counter, who, now, -1).await?;
        Ok(())
    }

    /// A repeat of a lost request counts twice; that only makes the limit come sooner.
    async fn add(&self, counter: Counter, who: Who<'_>, now: TimeMs, by: i64) -> Result<i64, StoreError> {
        let ring = self.keys.ring();
        let subject = ring.signing(now).map(|key| who.subject(counter, key));
        let subject = subject.ok_or_else(|| StoreError::bug(COUNT, "there is no key"))?;
        let end = window_end(counter, now);
        let request = self
            .tables
            .client()
            .update_item()
            .table_name(self.tables.name(Table::Sessions))
            .set_key(Some(key(subject, format!("until#{end}"))))
            .update_expression("SET #expires = :expires ADD #count :by")
            .expression_attribute_names("#expires", "expires_at")
            .expression_attribute_names("#count", "count")
            .expression_attribute_values(":expires", expiry(TimeMs(end)))
            .expression_attribute_values(":by", number(by))
            .return_values(ReturnValue::AllNew);
        let answer = ask_plainly(COUNT, || request.clone().send()).await?;
        let item = answer.attributes.unwrap_or_default();
        let count = item.get("count").and_then(|count| count.as_n().ok()?.parse().ok());
        count.ok_or_else(|| StoreError::unreadable(Table::Sessions, "count"))
    }

    /// Deletes what was counted for an address.
    pub(crate) async fn forget(&self, address: &EmailAddress) -> Result<(), StoreError> {
        for key in self.keys.ring().all() {
            for counter in Counter::OF_ADDRESS {
                let subject = Who::Address(address).subject(counter, key);
                let found = under(&self.tables, "subject", subject);
                delete_found(&self.tables, Table::Sessions, found, "delete what was counted").await?;
            }
        }
        Ok(())
    }
}

/// The end of the window that `now` lies in, always later than `now`.
fn window_end(counter: Counter, now: TimeMs) -> u64 {
    let window = counter.window_ms();
    (now.0 / window).saturating_add(1).saturating_mul(window).max(now.0.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_who() {
        let ip = |text: &str| Who::Network(text.parse().unwrap()).bytes();
        assert_eq!(ip("::ffff:192.0.2.1"), ip("192.0.2.1"));
        assert_ne!(ip("192.0.2.2"), ip("192.0.2.1"));
        assert_eq!(ip("2001:db8:0:1::1"), ip("2001:db8:0:1:ffff::2"));
        assert_ne!(ip("2001:db8:0:2::1"), ip("2001:db8:0:1::1"));
        let keys = TokenKeys::in_memory([1; 32]);
        let (ring, address) = (keys.ring(), EmailAddress::parse("Anna@example.org").unwrap());
        let subject = |counter| Who::Address(&address).subject(counter, &ring.all()[0]);
        assert_ne!(subject(Counter::LogInsOfAddress), subject(Counter::ResendsToAddress));
        assert!(!subject(Counter::LogInsOfAddress).contains("anna"));
    }

    #[test]
    fn a_window_ends_after_now() {
        let end = |now: u64| window_end(Counter::LogInsOfAddress, TimeMs(now));
        assert_eq!((end(0), end(ATTEMPTS_WINDOW_MS - 1)), (ATTEMPTS_WINDOW_MS, ATTEMPTS_WINDOW_MS));
        assert_eq!(end(ATTEMPTS_WINDOW_MS), 2 * ATTEMPTS_WINDOW_MS);
    }
}
