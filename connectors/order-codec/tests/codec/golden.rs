//! The bytes of every version and variant, as they lie in `schemas/golden` for ever, and that apache-avro reads and
//! writes the same ones.
//!
//! `GOLDEN=write cargo test -p order-codec golden` adds the files that are missing, and never changes one.

use std::path::{Path, PathBuf};

use crate::avro::{Avro, hex, unhex};
use crate::cases::{Case, cases};
use order_codec::BadRecord;

fn file(case: &Case, ending: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/golden").join(format!("{}.{ending}", case.name))
}

fn golden(path: &Path, now: &str) -> String {
    if !path.exists() && std::env::var_os("GOLDEN").is_some() {
        std::fs::write(path, now).unwrap();
    }
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn bytes_are_the_golden_ones() {
    for case in cases() {
        let digits = hex(&case.bytes).into_bytes();
        let text: Vec<_> = digits.chunks(64).map(|line| String::from_utf8_lossy(line)).collect();
        let kept = golden(&file(&case, "hex"), &format!("{}\n", text.join("\n")));
        assert_eq!(hex(&unhex(&kept)), hex(&case.bytes), "{}", case.name);
    }
}

#[test]
fn golden_bytes_are_read_as_the_samples() {
    for case in cases() {
        let kept = unhex(&std::fs::read_to_string(file(&case, "hex")).unwrap());
        let (sample, again) = (case.read)(&kept).unwrap();
        assert_eq!(sample, case.sample, "{}", case.name);
        assert_eq!(hex(&again), hex(&kept), "{}", case.name);
    }
}

/// The files beside the bytes say in JSON what they mean by the schema, as apache-avro reads them.
#[test]
fn apache_avro_reads_what_the_hand_wrote() {
    for case in cases() {
        let avro = Avro::new(case.schema);
        let shown = serde_json::to_string_pretty(&avro.show(&avro.read(&case.bytes))).unwrap();
        let kept = golden(&file(&case, "json"), &format!("{shown}\n"));
        assert_eq!(kept.trim_end(), shown, "{}", case.name);
    }
}

#[test]
fn the_hand_reads_what_apache_avro_wrote() {
    for case in cases() {
        let avro = Avro::new(case.schema);
        let bytes = avro.write(avro.read(&case.bytes));
        assert_eq!(hex(&bytes), hex(&case.bytes), "{}", case.name);
        let (sample, _) = (case.read)(&bytes).unwrap();
        assert_eq!(sample, case.sample, "{}", case.name);
    }
}

#[test]
fn every_cut_is_an_error() {
    for case in cases() {
        for end in 0..case.bytes.len() {
            let cut = (case.read)(&case.bytes[..end]);
            assert!(matches!(cut, Err(BadRecord::Truncated(_))), "{} cut at {end}: {cut:?}", case.name);
        }
        let mut longer = case.bytes.clone();
        longer.extend_from_slice(&[0, 0]);
        assert_eq!((case.read)(&longer), Err(BadRecord::TrailingBytes(2)), "{}", case.name);
    }
}

/// A changed bit may give another value or an error; what is read must be written as the same value again.
#[test]
fn every_flipped_bit_is_a_value_or_an_error() {
    let mut errors = 0;
    for case in cases() {
        for bit in 0..case.bytes.len() * 8 {
            let mut bytes = case.bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            match (case.read)(&bytes) {
                Ok((value, again)) => {
                    let (same, _) = (case.read)(&again).unwrap();
                    assert_eq!(same, value, "{} bit {bit}", case.name);
                }
                Err(_) => errors += 1,
            }
        }
    }
    assert!(errors > 1_000, "only {errors} flipped bits were noticed");
}

#[test]
fn the_usual_records_are_small() {
    for (name, smallest, largest) in [("command.v1.place", 45, 85), ("decision.v1.order_held", 75, 110)] {
        let case = cases().into_iter().find(|case| case.name == name).unwrap();
        let bytes = case.bytes.len() + order_codec::wire::HEAD_BYTES;
        assert!((smallest..=largest).contains(&bytes), "{name} has {bytes} bytes");
    }
}

/// Bytes of samples that no longer exist would silently stop being tested.
#[test]
fn every_golden_file_has_a_sample() {
    let known: Vec<_> = cases().into_iter().map(|case| case.name).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/golden");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let stem = name.rsplit_once('.').unwrap().0;
        // Products are read and written by the crate `catalogue`, and so are their bytes.
        assert!(
            stem.starts_with("product.") || known.iter().any(|case| case == stem),
            "{name} belongs to no sample"
        );
    }
}
