//! The sink over DynamoDB in this process and over DynamoDB Local, with a proxy between that fails as DynamoDB does.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

mod bad_input;
mod contract;
mod decisions;
mod encode;
mod proxy;
mod reconcile;
mod speed;
mod stand_in;
mod writing;
