//! The gateway over a log in memory, with a real listener.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod calls;
mod connections;
mod faults;
mod grpc;
mod grpc_people;
mod grpc_shop;
mod input;
mod orders;
mod pages;
mod past;
mod payments;
mod people;
mod protection;
mod registry;
mod repeats;
mod rooms;
mod sales;
mod shop;
mod streams;
