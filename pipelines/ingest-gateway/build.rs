//! Compiles `schemas/proto` into messages, services and clients, and into the description that reflection serves.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

const FILES: [&str; 9] = [
    "admin/v1/admin",
    "catalogue/v1/catalogue",
    "orders/v1/listings",
    "orders/v1/orders",
    "people/v1/accounts",
    "people/v1/carts",
    "people/v1/sessions",
    "people/v1/subscriptions",
    "rooms/v1/rooms",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../schemas/proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(FILES.map(|file| format!("doorbuster/{file}.proto")))?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("doorbuster.bin"), compiler.encode_file_descriptor_set())?;
    let builder = tonic_prost_build::configure().build_transport(false);
    Ok(builder.compile_fds(compiler.file_descriptor_set())?)
}
