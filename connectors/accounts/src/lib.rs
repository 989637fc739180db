//! Customers' accounts, log-ins and carts in DynamoDB: who somebody is, and what they have chosen. No HTTP.
//!
//! - [`Accounts`]: registering, verifying an address, logging in, staying so, and deleting everything.
//! - [`TokenKeys`]: what signs tokens. [`Accounts::check_access`] asks nobody: ordering goes on while DynamoDB is away.
//! - [`Directory`]: accounts as whoever runs the shop looks at them, and roles.
//! - [`Carts`]: what somebody has chosen, and the order it becomes.
//! - [`Postman`]: the way letters leave: [`EmailPostman`] by the shop's mail server, [`LetterBox`] for `demo`.
//!
//! Promised: an address has one account, however many gateways register it at the same moment. A password is kept as an
//! argon2id hash only, a refresh token not at all. An address is verified by whoever reads its mail and knows the password it
//! was registered with, so that nobody gets at what is another's by registering the address first, or again. No answer, and no time an answer takes, tells whether an address has an
//! account, as far as the same number of requests and one password hash go. A refresh token that comes back ends its
//! log-in. Two tabs that change a cart lose no line, and a check-out that is repeated places the same order. Nothing kept
//! here is in this process: any number may run, and each may be killed at any moment.
//!
//! Not promised: that a log-out or a deletion reaches an access token that was given before; it is good to its end, a
//! quarter of an hour at most. That a letter arrives: letters wait in memory, and go with the process; their reader asks for
//! another. That somebody who knows an address cannot keep its owner from logging in for a quarter of an hour, or from
//! registering it for an hour; the letter with a link to a new password comes all the same.
//!
//! Nothing personal is in `Debug` output, errors or logs: addresses, passwords and tokens are types that show nothing.

mod access;
mod account;
mod accounts;
mod attempts;
mod cart;
mod carts;
mod directory;
mod email;
mod error;
mod hidden;
mod keys;
mod letter;
pub mod limits;
mod link;
mod password;
mod postman;
mod random;
mod roles;
mod seal;
mod sessions;
mod store;
mod text;

pub use access::{AccessError, Identity};
pub use accounts::{AccountOptions, Accounts, OpenError, Profile, Registration, Session, Verified};
pub use cart::{Cart, CartLine, Checkout, LineError};
pub use carts::{CartError, Carts};
pub use directory::Directory;
pub use email::{EmailAddress, EmailAddressError};
pub use error::{
    ChangePasswordError, EraseError, LogInError, RefreshError, RegisterError, ResetError, RolesError,
    Trouble, VerifyError,
};
pub use hidden::{AccessToken, LinkToken, RefreshToken};
pub use keys::{KeysError, TokenKeys};
pub use letter::{Delivery, Letter, LetterKind, Postman, Sending};
pub use link::LinkError;
pub use password::{HashCost, Password, PasswordError};
pub use postman::{EmailPostman, Kept, LetterBox};
pub use random::NoRandom;
pub use roles::{Role, Roles};
pub use store::StoreError;
pub use text::Stationery;
