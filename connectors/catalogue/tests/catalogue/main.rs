//! All tests of the catalogue in one binary.
#![cfg(test)]

mod demo;
mod file;
mod follower;
mod golden;
mod kafka;
mod limits;
mod properties;
mod search;
mod support;
mod writer;
