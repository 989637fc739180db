//! Starts and stops the real broker, registry and DynamoDB Local on this machine, without Docker.
//!
//! - [`Broker`]: Apache Kafka 4.1.0, broker and controller in one JVM.
//! - [`Registry`]: Apicurio Registry 2.5.11.Final, in memory, with the Confluent API.
//! - [`DynamoDbLocal`]: DynamoDB Local 2.6.1, in memory.
//! - [`DevStack`]: all three, detached, for `pipeline dev up` and `pipeline dev down`.
//! - [`produce_with_java`]: writes records as a foreign Java producer does.
//!
//! Promised: each listens on 127.0.0.1 only, on ports that were free, and answers when `start` returns; each works in a
//! folder of its own, and ends with its handle or with the process that started it, however that process ends. The jars
//! are fetched by Maven once and kept in the user's cache folder; several processes may do so at the same time.
//!
//! Not promised: anything on Windows; a broker that survives a power cut (Kafka leaves syncing to the kernel).

mod broker;
mod dev;
mod dynamodb;
mod error;
mod jars;
mod java;
pub mod limits;
mod process;
mod registry;

pub use broker::{Broker, BrokerOptions, shared_broker};
pub use dev::{DevPorts, DevProcess, DevStack};
pub use dynamodb::{DynamoDbLocal, shared_dynamodb};
pub use error::TestbedError;
pub use java::{JavaAppended, produce_in_transaction, produce_with_java};
pub use registry::{Registry, shared_registry};
