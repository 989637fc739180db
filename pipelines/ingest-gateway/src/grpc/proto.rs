//! Messages, services and clients, as `schemas/proto/doorbuster/orders/v1` has them.
#![expect(clippy::allow_attributes, clippy::as_conversions, unused_qualifications, reason = "generated")]

// Messages are written and read by it, in what is generated.
use tonic_prost as _;

tonic::include_proto!("doorbuster.orders.v1");

/// The description of all of it: an encoded `FileDescriptorSet`.
pub const DESCRIPTION: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/doorbuster.bin"));
