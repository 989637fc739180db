//! E-mail addresses: what is one, and when two are the same.

use std::fmt;
use std::hash::{Hash, Hasher};

use sink_push::Address;

use crate::limits::EMAIL_BYTES_MAX;

/// An e-mail address. Two that differ in capital letters only are the same, and so are a domain and its ASCII form.
#[derive(Clone)]
pub struct EmailAddress {
    /// As letters are sent to it: the part before the `@` as it was written, since its server may tell capitals apart.
    text: String,
    /// As it is compared and looked up.
    key: String,
}

/// Why a text is no e-mail address. Does not repeat it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EmailAddressError {
    /// It is longer than any address.
    #[error("an e-mail address has at most {EMAIL_BYTES_MAX} bytes; write the address alone")]
    TooLong,
    /// There is no `@` with something on both sides.
    #[error("an e-mail address is written as name@example.org")]
    NoAt,
    /// What follows the `@` is no domain.
    #[error("what follows the @ is no domain; write it as name@example.org")]
    Domain,
    /// What stands before the `@` cannot be a mailbox.
    #[error("what stands before the @ is no name of a mailbox; are there spaces or brackets in it?")]
    Mailbox,
}

impl EmailAddress {
    /// Reads an address: trimmed, its domain in lower case and in ASCII.
    pub fn parse(text: &str) -> Result<Self, EmailAddressError> {
        let text = text.trim();
        if text.len() > EMAIL_BYTES_MAX {
            return Err(EmailAddressError::TooLong);
        }
        let (mailbox, domain) = text.rsplit_once('@').ok_or(EmailAddressError::NoAt)?;
        if mailbox.is_empty() || domain.is_empty() {
            return Err(EmailAddressError::NoAt);
        }
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| EmailAddressError::Domain)?;
        // A name of this machine, or a number: nobody's mail goes there.
        let top = domain.rsplit_once('.').map(|(_, top)| top).ok_or(EmailAddressError::Domain)?;
        if top.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(EmailAddressError::Domain);
        }
        let is_odd = |character: char| {
            character.is_control() || character.is_whitespace() || "\"<>()[]\\,;:".contains(character)
        };
        if mailbox.contains(is_odd) {
            return Err(EmailAddressError::Mailbox);
        }
        let text = format!("{mailbox}@{domain}");
        if text.len() > EMAIL_BYTES_MAX {
            return Err(EmailAddressError::TooLong);
        }
        Address::Email(text.clone()).check(false).map_err(|_| EmailAddressError::Mailbox)?;
        let key = format!("{}@{domain}", mailbox.to_lowercase());
        Ok(Self { text, key })
    }

    /// The address, for whoever is to have it.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// As it is looked up.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

impl PartialEq for EmailAddress {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for EmailAddress {}

impl Hash for EmailAddress {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_an_address_and_as_what_it_is_kept() {
        let long = format!("{}@example.org", "a".repeat(64));
        #[rustfmt::skip]
        let table = [
            // written, sent to, looked up
            ("a.b+c@example.org", "a.b+c@example.org", "a.b+c@example.org"),
            ("  Anna@Example.ORG\n", "Anna@example.org", "anna@example.org"),
            ("anna@bücher.example", "anna@xn--bcher-kva.example", "anna@xn--bcher-kva.example"),
            ("anna@BÜCHER.example", "anna@xn--bcher-kva.example", "anna@xn--bcher-kva.example"),
            ("Änne@example.org", "Änne@example.org", "änne@example.org"),
            ("o'neil@mail.example.org", "o'neil@mail.example.org", "o'neil@mail.example.org"),
            (long.as_str(), long.as_str(), long.as_str()),
        ];
        for (written, text, key) in table {
            let address = EmailAddress::parse(written).unwrap();
            assert_eq!((address.expose(), address.key()), (text, key), "{written}");
            assert_eq!(format!("{address:?}"), "EmailAddress(hidden)");
        }
    }

    #[test]
    fn what_is_no_address() {
        let (long, longer) = ("a".repeat(250), "a".repeat(65));
        #[rustfmt::skip]
        let table = [
            ("", EmailAddressError::NoAt),
            ("anna", EmailAddressError::NoAt),
            ("@example.org", EmailAddressError::NoAt),
            ("anna@", EmailAddressError::NoAt),
            ("anna@localhost", EmailAddressError::Domain),
            ("anna@127.0.0.1", EmailAddressError::Domain),
            ("anna@[127.0.0.1]", EmailAddressError::Domain),
            ("anna@exa mple.org", EmailAddressError::Domain),
            ("anna@-example.org", EmailAddressError::Domain),
            ("anna@example..org", EmailAddressError::Domain),
            ("anna@example.org.", EmailAddressError::Domain),
            ("anna@exa_mple.org", EmailAddressError::Domain),
            ("an na@example.org", EmailAddressError::Mailbox),
            ("anna@b@example.org", EmailAddressError::Mailbox),
            ("<anna@example.org>", EmailAddressError::Domain),
            ("Anna <anna@example.org", EmailAddressError::Mailbox),
            ("anna\r\nBcc: b@example.org", EmailAddressError::Mailbox),
            ("\"anna b\"@example.org", EmailAddressError::Mailbox),
            (".anna@example.org", EmailAddressError::Mailbox),
            ("an\u{0}na@example.org", EmailAddressError::Mailbox),
            (&format!("{long}@example.org"), EmailAddressError::TooLong),
            (&format!("{longer}@example.org"), EmailAddressError::Mailbox),
        ];
        for (written, error) in table {
            assert_eq!(EmailAddress::parse(written).unwrap_err(), error, "{written:?}");
        }
    }
}
