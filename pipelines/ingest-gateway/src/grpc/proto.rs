//! Messages, services and clients, as `schemas/proto` has them.
#![expect(clippy::allow_attributes, clippy::as_conversions, unused_qualifications, reason = "generated")]

// Messages are written and read by it, in what is generated.
use tonic_prost as _;

pub use orders::v1::*;

/// Running sales.
pub mod admin {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("doorbuster.admin.v1");
    }
}

/// Products.
pub mod catalogue {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("doorbuster.catalogue.v1");
    }
}

/// Orders and listings.
pub mod orders {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("doorbuster.orders.v1");
    }
}

/// Accounts, log-ins, carts, and what people ask to be told.
pub mod people {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("doorbuster.people.v1");
    }
}

/// Waiting rooms.
pub mod rooms {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("doorbuster.rooms.v1");
    }
}

/// The description of all of it: an encoded `FileDescriptorSet`.
pub const DESCRIPTION: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/doorbuster.bin"));
