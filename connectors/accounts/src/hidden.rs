//! Texts that must not end up in a log: shown only by asking for them by name.

use std::fmt;

macro_rules! hidden {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// One from its text; whether it is good is found out where it is used.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text, for whoever is to have it.
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(hidden)"))
            }
        }
    };
}

hidden! {
    /// Says who somebody is, for a quarter of an hour; checked without asking anybody.
    AccessToken
}
hidden! {
    /// Gets the next access token, and its own successor, once.
    RefreshToken
}
hidden! {
    /// Part of a link in a letter: proves that its bearer reads the mail of an address.
    LinkToken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_not_shown() {
        for shown in [
            format!("{:?}", AccessToken::new("secret")),
            format!("{:?}", RefreshToken::new("secret")),
            format!("{:#?}", Some(LinkToken::new("secret"))),
        ] {
            assert!(!shown.contains("secret"), "{shown}");
        }
    }
}
