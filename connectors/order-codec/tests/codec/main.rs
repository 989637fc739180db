//! All tests of the codec that need no registry, in one binary.
#![cfg(test)]

mod avro;
mod cases;
mod foreign;
mod golden;
mod keyring;
mod record;
mod round_trip;
mod samples;
mod schema_rules;
