//! The bytes of samples, as they lie in `schemas/golden` for ever, and that apache-avro reads and writes the same ones.
//!
//! `GOLDEN=write cargo test -p catalogue golden` adds the files that are missing, and never changes one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use apache_avro::Schema;
use apache_avro::types::Value;
use catalogue::{Product, ProductCodec, decode_product, encode_product};
use order_codec::schemas::{PRODUCT_SUBJECT, PRODUCT_V1};
use order_codec::{BadRecord, DecodeError, FileSchemas, RegistryError, SchemaSource, wire};

use crate::support::{codec, full, product};

fn samples() -> [(&'static str, Product); 2] {
    [("full", full()), ("bare", product("x", "X"))]
}

fn bytes(product: &Product) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_product(product, &mut bytes);
    bytes
}

fn golden(name: &str, ending: &str, now: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/golden");
    let path: PathBuf = folder.join(format!("product.v1.{name}.{ending}"));
    if !path.exists() && std::env::var_os("GOLDEN").is_some() {
        std::fs::write(&path, now).unwrap();
    }
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.chunks(32).map(|line| format!("{}\n", line.concat())).collect()
}

fn read(bytes: &[u8]) -> Value {
    let schema = Schema::parse_str(PRODUCT_V1).unwrap();
    let mut rest = bytes;
    let reader = apache_avro::reader::datum::GenericDatumReader::builder(&schema).build().unwrap();
    let value = reader.read_value(&mut rest).unwrap();
    assert!(rest.is_empty(), "apache-avro leaves {} bytes", rest.len());
    value
}

#[test]
fn bytes_are_the_golden_ones() {
    for (name, sample) in samples() {
        let bytes = bytes(&sample);
        assert_eq!(golden(name, "hex", &hex(&bytes)), hex(&bytes), "{name}");
        assert_eq!(decode_product(&bytes), Ok(sample), "{name}");
    }
}

/// The files beside the bytes say in JSON what they mean, as apache-avro reads them.
#[test]
fn apache_avro_reads_and_writes_the_same() {
    let schema = Schema::parse_str(PRODUCT_V1).unwrap();
    for (name, sample) in samples() {
        let bytes = bytes(&sample);
        let value = read(&bytes);
        let json = serde_json::Value::try_from(value.clone()).unwrap();
        let shown = format!("{}\n", serde_json::to_string_pretty(&json).unwrap());
        assert_eq!(golden(name, "json", &shown), shown, "{name}");
        let writer = apache_avro::writer::datum::GenericDatumWriter::builder(&schema).build().unwrap();
        assert_eq!(hex(&writer.write_value_to_vec(value).unwrap()), hex(&bytes), "{name}");
    }
}

#[test]
fn every_cut_is_an_error_and_every_flipped_bit_a_product_or_one() {
    for (name, sample) in samples() {
        let whole = bytes(&sample);
        for end in 0..whole.len() {
            let cut = decode_product(&whole[..end]);
            assert!(matches!(cut, Err(BadRecord::Truncated(_))), "{name} cut at {end}: {cut:?}");
        }
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(read) = decode_product(&flipped) {
                assert_eq!(decode_product(&bytes(&read)), Ok(read), "{name} bit {bit}");
            }
        }
        let mut longer = whole;
        longer.push(0);
        assert_eq!(decode_product(&longer), Err(BadRecord::TrailingBytes(1)));
    }
}

#[test]
fn the_id_of_the_files_stands_before_it() {
    let mut value = Vec::new();
    codec().product_to(&full(), &mut value);
    assert_eq!(value[..5], [0, 0, 0, 0, 4]);
    assert_eq!(codec().product_from(&value), Ok(full()));
}

/// A source with one schema of somebody else's, or none that answers.
struct Shop(FileSchemas, Option<&'static str>);

impl SchemaSource for Shop {
    fn register_or_find(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError> {
        assert_eq!(subject, PRODUCT_SUBJECT);
        self.0.register_or_find(subject, schema_json)
    }

    fn schema(&self, _id: u32) -> Result<Option<String>, RegistryError> {
        let away = || RegistryError::Unreachable { registry: "shop".into(), detail: "gone".into() };
        self.1.map(|schema| Some(schema.to_owned())).ok_or_else(away)
    }
}

/// Another writer has fewer fields, in another order, and one of its own.
#[test]
fn a_foreign_writers_product_is_read_by_names() {
    let schema = r#"{"type": "record", "name": "Product", "namespace": "shop", "fields": [
        {"name": "title", "type": "string"},
        {"name": "margin", "type": "double"},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "sku", "type": "string"}]}"#;
    let mut value = Vec::new();
    wire::write_head(77, &mut value);
    value.extend_from_slice(b"\x06Hat\0\0\0\0\0\0\0\0\x02\x06new\0\x04h1");
    let shop = |schema| {
        ProductCodec::new(Arc::new(Shop(FileSchemas::new().unwrap(), schema))).unwrap().product_from(&value)
    };
    let hat = Product { tags: vec!["new".to_owned()], ..product("h1", "Hat") };
    assert_eq!(shop(Some(schema)), Ok(hat));
    assert!(matches!(shop(None), Err(DecodeError::Registry(RegistryError::Unreachable { .. }))));
    let wrong = r#"{"type": "record", "name": "Product", "fields": [{"name": "sku", "type": "string"}]}"#;
    assert!(matches!(shop(Some(wrong)), Err(DecodeError::Bad(BadRecord::SchemaUnresolvable { .. }))));
}
