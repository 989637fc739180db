//! The pages of the shop: the storefront, the waiting room, and the wall of a sale.
//!
//! Promised: every page can be read without a script, whatever a product or a person is called is shown as text and never
//! read as HTML, and no page needs anything from another address, so that a strict content security policy holds
//! ([`CONTENT_SECURITY_POLICY`]). Pages are rendered from plain [views](crate::views); which of them are current is the
//! gateway's business, and what changes after that the scripts get from its interface.
//!
//! Not promised: that one can order, sign in or wait without scripts; these pages say so.

mod assets;
mod pages;
pub mod views;

pub use assets::{Asset, asset};
pub use pages::{PageError, Storefront};

/// What a browser may load for these pages: only what the gateway itself serves, and pictures from anywhere by HTTPS.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: \
     data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
