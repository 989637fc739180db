//! The payment worker: reads holds from `decisions`, has a provider take the money, and appends the result to `orders`;
//! gives back what a `Refund` decision says.
//!
//! ```text
//!   decisions ──▶ desk thread: open orders ──calls──▶ calls thread (tokio) ──▶ provider
//!                    │   ▲  ▲                              │                      │
//!                    │   │  └───────── answers ────────────┘                      │
//!                    │   └──────────── callbacks, signed ◀────────────────────────┘
//!                    └──▶ orders (results, signed), dead-letters
//! ```
//!
//! Promised:
//! - All money that the provider takes is told to the log, where the ledger says whether it buys something or has to go
//!   back; what has to go back is given back, once.
//! - It keeps no book. What is open is rebuilt from `decisions`, what was told already is read from `orders`, what was
//!   taken is asked of the provider; it may be killed at any point.
//! - An order is authorised under its own id as idempotency key, and captured once. A call whose outcome is unknown is
//!   looked up before anything else is done. Every hold that ends unpaid is closed: what is set aside is given up, what
//!   was taken is told, and only then is the log told that nothing is left.
//! - A slow or dead provider delays nobody else: calls, orders in hand and answers are bounded, and reading waits.
//!
//! Not promised: that a hold is paid for when the provider is slower than the hold is long; that nothing is captured for
//! a hold that ends meanwhile (it is given back then); that the provider finds an old payment at once.
//!
//! What it relies on: a ledger remembers an order for longer than the provider's slowest answer, so that a result told
//! twice within a few seconds is known as a repeat; the clocks of log, worker and provider differ by less than
//! [`PaymentLimits::close_after_ms`].

#[cfg(test)]
mod arrivals_tests;
mod callback;
#[cfg(test)]
mod callback_tests;
mod classify;
mod desk;
mod dossier;
mod error;
mod hands;
mod http;
pub mod limits;
mod look_back;
mod ownership;
mod pace;
mod provider;
mod router;
mod sandbox;
mod shape;
mod shelf;
mod status;
mod teller;
mod work;
mod worker;

pub use callback::{
    Callback, CallbackError, Callbacks, Receipt, SIGNATURE_HEADER, Taken, read_callback, sign, verify,
};
pub use classify::{Refusal, classify};
pub use error::PaymentError;
pub use http::{HttpOptions, HttpProvider, HttpProviderError};
pub use limits::PaymentLimits;
pub use provider::{Answer, Charge, Fault, Payment, PaymentState, Provider, Verdict};
pub use router::{CALLBACK_PATH, callback_router, sandbox_router};
pub use sandbox::{Sandbox, SandboxFaults, SandboxOptions, SentCallback, Takings};
pub use status::{PartitionStatus, PaymentStatus};
pub use worker::{Moment, PaymentHandle, PaymentOptions, PaymentParts, PaymentWorker};
