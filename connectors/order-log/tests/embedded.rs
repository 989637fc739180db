//! The log in a folder keeps every law of the log, and stands a crash, damage, a second process and a full disk.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use order_log::conformance::{Law, records_survive_reopening};
use order_log::{
    AppendBatch, EmbeddedLog, EmbeddedOptions, Headers, Log, LogAppender, LogError, Polled, ReadLimits,
    TopicSpec,
};

const WIDE: ReadLimits = ReadLimits { records_max: 10_000, bytes_max: 8 * 1_048_576 };
const DEADLINE: Duration = Duration::from_secs(60);
/// Bytes of a frame's header.
const HEADER_BYTES: u64 = 40;

fn options(segment_bytes: u64) -> EmbeddedOptions {
    EmbeddedOptions { segment_bytes, clock: Arc::new(|| 7) }
}

fn open(folder: &Path) -> Result<EmbeddedLog, LogError> {
    EmbeddedLog::open(folder, options(1_048_576))
}

/// With segments so small that most laws see several.
fn run(name: &str, law: Law) {
    let folder = tempfile::tempdir().unwrap();
    law(&EmbeddedLog::open(folder.path(), options(1_000)).unwrap(), name);
}

order_log::conformance_suite!(run);

#[test]
fn acknowledged_records_survive_reopening() {
    for segment_bytes in [1, 1_000, 1_048_576] {
        let folder = tempfile::tempdir().unwrap();
        let mut open = || -> Box<dyn Log> {
            Box::new(EmbeddedLog::open(folder.path(), options(segment_bytes)).unwrap())
        };
        records_survive_reopening(&mut open, "orders");
    }
}

fn spec(name: &str, partitions: u32) -> TopicSpec {
    let name = name.to_owned();
    TopicSpec {
        name,
        partitions,
        replication: 1,
        retention_ms: 0,
        is_compacted: false,
        record_bytes_max: 1_000,
    }
}

fn create(log: &EmbeddedLog, partitions: u32) {
    log.create_topics(&[spec("orders", partitions)]).unwrap();
}

/// Appends one batch of one record, so one frame, and waits for its acknowledgement.
fn append(log: &EmbeddedLog, value: &[u8]) -> Result<(), LogError> {
    append_with(&mut *log.appender()?, value)
}

fn append_with(appender: &mut dyn LogAppender, value: &[u8]) -> Result<(), LogError> {
    let mut batch = AppendBatch::new("orders".into());
    batch.push(0, None, Some(value), Headers::NONE);
    match appender.append(batch) {
        Ok(_) => {}
        Err(order_log::AppendError::Log(error)) => return Err(error),
        Err(error) => panic!("{error:?}"),
    }
    let mut acknowledged = Vec::new();
    appender.poll(DEADLINE, &mut acknowledged)?;
    assert_eq!(acknowledged.len(), 1);
    Ok(())
}

/// A folder whose only partition has one frame a value.
fn folder_with(values: &[&[u8]], segment_bytes: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(folder.path(), options(segment_bytes)).unwrap();
    create(&log, 1);
    for value in values {
        append(&log, value).unwrap();
    }
    folder
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("topics/orders/0")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Every value of the partition up to its end.
fn values(log: &EmbeddedLog) -> Result<Vec<Vec<u8>>, LogError> {
    let mut reader = log.reader("orders", WIDE)?;
    reader.start(0, 0)?;
    let mut values = Vec::new();
    while let Some(polled) = reader.poll(Duration::ZERO)? {
        let Polled::Batch(batch) = polled else { panic!("{polled:?}") };
        values.extend(batch.iter().map(|record| record.value.unwrap().to_vec()));
    }
    assert_eq!(u64::try_from(values.len()), Ok(log.bounds("orders", 0)?.end));
    Ok(values)
}

fn flip(file: &Path, byte: u64) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes[usize::try_from(byte).unwrap()] ^= 1;
    std::fs::write(file, bytes).unwrap();
}

#[track_caller]
fn assert_damaged<T>(result: Result<T, LogError>, expected_file: &Path, expected_byte: u64) {
    match result {
        Err(LogError::Damaged { file, byte, .. }) => {
            assert_eq!((Path::new(&file), byte), (expected_file, expected_byte));
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("the damage was not seen"),
    }
}

#[test]
fn a_frame_torn_at_any_byte_is_cut_off_and_the_log_goes_on() {
    let folder = folder_with(&[b"first", b"second", b"third"], 1_048_576);
    let segment = segments(folder.path()).pop().unwrap();
    let whole = std::fs::read(&segment).unwrap();
    // Frames of a header, three lengths and the value.
    let last = whole.len() - (40 + 12 + 5);
    for end in last..whole.len() {
        std::fs::write(&segment, &whole[..end]).unwrap();
        let before = EmbeddedLog::open_read_only(folder.path()).unwrap();
        assert_eq!(values(&before).unwrap(), [b"first".to_vec(), b"second".to_vec()], "cut at {end}");
        drop(before);
        assert_eq!(std::fs::read(&segment).unwrap().len(), end, "reading only must not write");
        let log = open(folder.path()).unwrap();
        assert_eq!(std::fs::read(&segment).unwrap().len(), last);
        append(&log, b"other").unwrap();
        assert_eq!(values(&log).unwrap().len(), 3, "cut at {end}");
        drop(log);
        assert_eq!(values(&open(folder.path()).unwrap()).unwrap()[2], b"other", "cut at {end}");
    }
}

#[test]
fn a_tail_of_zeros_or_of_other_bytes_is_cut_off() {
    for tail in
        [vec![0; 5_000], vec![b'O'; 3], b"OLF1OLF1 and more that is no frame, but long enough".to_vec()]
    {
        let folder = folder_with(&[b"first"], 1_048_576);
        let segment = segments(folder.path()).pop().unwrap();
        let whole = std::fs::read(&segment).unwrap();
        std::fs::write(&segment, [&whole[..], &tail].concat()).unwrap();
        assert_eq!(values(&open(folder.path()).unwrap()).unwrap(), [b"first"]);
        assert_eq!(std::fs::read(&segment).unwrap(), whole);
    }
}

/// The disk may have stored the second frame of a round and not the first: nothing of the round was acknowledged.
#[test]
fn a_round_torn_at_its_begin_is_cut_off_whole() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path()).unwrap();
    create(&log, 1);
    append(&log, b"first").unwrap();
    let segment = segments(folder.path()).pop().unwrap();
    let round_start = std::fs::metadata(&segment).unwrap().len();
    // One batch of more than a frame takes is one round of two frames.
    let mut batch = AppendBatch::new("orders".into());
    for _ in 0..3 {
        batch.push(0, None, Some(&[1; 900_000]), Headers::NONE);
    }
    let mut appender = log.appender().unwrap();
    appender.append(batch).unwrap();
    appender.poll(DEADLINE, &mut Vec::new()).unwrap();
    drop((log, appender));
    flip(&segment, round_start + HEADER_BYTES + 100);
    assert_eq!(values(&open(folder.path()).unwrap()).unwrap(), [b"first"]);
    assert_eq!(std::fs::metadata(&segment).unwrap().len(), round_start);
}

#[test]
fn damage_before_an_acknowledged_frame_is_refused_at_any_byte() {
    let folder = folder_with(&[b"first", b"second", b"third"], 1_048_576);
    let segment = segments(folder.path()).pop().unwrap();
    let whole = std::fs::read(&segment).unwrap();
    let second = 40 + 12 + 5;
    for byte in 0..second + 40 + 12 + 6 {
        flip(&segment, byte);
        let frame = if byte < second { 0 } else { second };
        assert_damaged(open(folder.path()), &segment, frame);
        assert_damaged(EmbeddedLog::open_read_only(folder.path()), &segment, frame);
        std::fs::write(&segment, &whole).unwrap();
    }
    assert_eq!(values(&open(folder.path()).unwrap()).unwrap().len(), 3, "what was put back is whole");
}

#[test]
fn damage_in_an_earlier_segment_is_refused_when_it_is_read() {
    let folder = folder_with(&[b"first", b"second", b"third"], 1);
    let paths = segments(folder.path());
    assert_eq!(paths.len(), 3);
    flip(&paths[1], HEADER_BYTES + 13);
    assert_damaged(values(&open(folder.path()).unwrap()), &paths[1], 0);
    flip(&paths[1], HEADER_BYTES + 13);
    let whole = std::fs::read(&paths[1]).unwrap();
    std::fs::write(&paths[1], &whole[..whole.len() - 1]).unwrap();
    assert_damaged(values(&open(folder.path()).unwrap()), &paths[1], 0);
    std::fs::write(&paths[1], b"").unwrap();
    assert_damaged(values(&open(folder.path()).unwrap()), &paths[1], 0);
}

#[test]
fn a_missing_segment_is_refused() {
    let folder = folder_with(&[b"first", b"second", b"third"], 1);
    let paths = segments(folder.path());
    std::fs::rename(&paths[1], folder.path().join("aside")).unwrap();
    let first_bytes = std::fs::metadata(&paths[0]).unwrap().len();
    assert_damaged(values(&open(folder.path()).unwrap()), &paths[0], first_bytes);
    std::fs::rename(folder.path().join("aside"), &paths[1]).unwrap();
    std::fs::remove_file(&paths[0]).unwrap();
    assert_damaged(open(folder.path()), &paths[0], 0);
}

#[test]
fn a_segment_of_another_partition_is_refused() {
    let folder = folder_with(&[b"first", b"second"], 1);
    let paths = segments(folder.path());
    std::fs::copy(&paths[0], &paths[1]).unwrap();
    assert_damaged(open(folder.path()), &paths[1], 0);
}

#[test]
fn one_process_writes_or_several_read() {
    let folder = folder_with(&[b"first"], 1_048_576);
    let locked = |result: Result<EmbeddedLog, LogError>| {
        assert!(
            matches!(result.map(drop), Err(LogError::Locked { folder: named }) if Path::new(&named) == folder.path())
        );
    };
    let log = open(folder.path()).unwrap();
    locked(open(folder.path()));
    locked(EmbeddedLog::open_read_only(folder.path()));
    let appender = log.appender().unwrap();
    drop(log);
    locked(open(folder.path()));
    drop(appender);
    let readers = [(); 2].map(|()| EmbeddedLog::open_read_only(folder.path()).unwrap());
    locked(open(folder.path()));
    drop(readers);
    open(folder.path()).unwrap();
}

#[test]
fn a_read_only_log_reads_and_takes_nothing() {
    let folder = folder_with(&[b"first"], 1_048_576);
    std::fs::remove_file(folder.path().join("lock")).unwrap();
    let log = EmbeddedLog::open_read_only(folder.path()).unwrap();
    assert_eq!(log.topics(), ["orders"]);
    assert_eq!(values(&log).unwrap(), [b"first"]);
    assert!(matches!(log.appender().map(drop), Err(LogError::Failed { .. })));
    assert!(matches!(log.create_topics(&[spec("new", 1)]), Err(LogError::Failed { .. })));
    assert!(!folder.path().join("lock").exists());
    let missing = EmbeddedLog::open_read_only(&folder.path().join("missing"));
    assert!(matches!(missing.map(drop), Err(LogError::Failed { .. })));
}

/// A disk without room: the segment's file is the device that is always full.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_every_appender_and_no_reader() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path()).unwrap();
    create(&log, 2);
    drop(log);
    let segment = folder.path().join("topics/orders/1/00000000000000000000.log");
    std::fs::remove_file(&segment).unwrap();
    std::os::unix::fs::symlink("/dev/full", &segment).unwrap();

    let log = open(folder.path()).unwrap();
    let (mut first, mut second) = (log.appender().unwrap(), log.appender().unwrap());
    append_with(&mut *second, b"before").unwrap();
    let mut batch = AppendBatch::new("orders".into());
    for partition in [0, 1] {
        batch.push(partition, None, Some(b"lost"), Headers::NONE);
    }
    first.append(batch).unwrap();
    let mut acknowledged = Vec::new();
    let error = first.poll(DEADLINE, &mut acknowledged).unwrap_err();
    assert!(error.to_string().contains("topic orders, partition 1"), "{error}");
    assert!(acknowledged.is_empty());
    assert!(first.poll(Duration::ZERO, &mut acknowledged).is_err());
    assert!(append_with(&mut *second, b"after").is_err(), "one writer, one failure");
    assert!(log.appender().is_err());
    assert_eq!(values(&log).unwrap(), [b"before"], "what was not acknowledged is not read");

    drop((log, first, second));
    std::fs::remove_file(&segment).unwrap();
    std::fs::write(&segment, b"").unwrap();
    let log = open(folder.path()).unwrap();
    assert_eq!(values(&log).unwrap(), [b"before"], "the half of the batch that was written is taken back");
    append(&log, b"again").unwrap();
}

#[test]
fn a_segment_that_cannot_be_created_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(folder.path(), options(1)).unwrap();
    create(&log, 1);
    append(&log, b"first").unwrap();
    std::fs::rename(folder.path().join("topics"), folder.path().join("aside")).unwrap();
    assert!(matches!(append(&log, b"second"), Err(LogError::Failed { .. })));
    drop(log);
    std::fs::rename(folder.path().join("aside"), folder.path().join("topics")).unwrap();
    assert_eq!(values(&open(folder.path()).unwrap()).unwrap(), [b"first"]);
}

#[test]
fn what_was_taken_is_written_before_the_log_closes() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path()).unwrap();
    create(&log, 1);
    let mut appender = log.appender().unwrap();
    for _ in 0..100 {
        let mut batch = AppendBatch::new("orders".into());
        batch.push(0, None, Some(b"unacknowledged"), Headers::NONE);
        appender.append(batch).unwrap();
    }
    drop((log, appender));
    assert_eq!(values(&open(folder.path()).unwrap()).unwrap().len(), 100);
}

#[test]
fn a_reader_starts_in_any_segment_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(folder.path(), options(300_000)).unwrap();
    create(&log, 1);
    for number in 0..200_u32 {
        append(&log, &[&number.to_le_bytes()[..], &[0; 6_000]].concat()).unwrap();
    }
    let mut log = Some(log);
    for _ in 0..2 {
        let log = log.take().unwrap_or_else(|| open(folder.path()).unwrap());
        for offset in (0..200_u32).rev().step_by(7) {
            let mut reader = log.reader("orders", ReadLimits { records_max: 1, ..WIDE }).unwrap();
            reader.start(0, offset.into()).unwrap();
            let Some(Polled::Batch(batch)) = reader.poll(Duration::ZERO).unwrap() else { panic!("{offset}") };
            let record = batch.get(0).unwrap();
            assert_eq!((record.offset, record.time_ms), (offset.into(), 7));
            assert_eq!(record.value.unwrap()[..4], offset.to_le_bytes());
        }
    }
}

#[test]
fn names_that_are_no_topics_and_offsets_after_the_end_are_refused() {
    let folder = folder_with(&[b"first"], 1_048_576);
    let log = open(folder.path()).unwrap();
    for name in ["", ".", "..", "../orders", "a/b", "+orders", "sp ace", &"x".repeat(250)] {
        assert!(matches!(log.create_topics(&[spec(name, 1)]), Err(LogError::Failed { .. })), "{name}");
    }
    let mut reader = log.reader("orders", WIDE).unwrap();
    assert!(matches!(reader.start(0, 2), Err(LogError::Failed { .. })));
    assert_eq!(log.topics(), ["orders"]);
}

#[test]
fn a_topic_whose_creation_a_crash_ended_is_created_anew() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("topics/+orders/0")).unwrap();
    let log = open(folder.path()).unwrap();
    assert!(log.topics().is_empty());
    create(&log, 1);
    append(&log, b"first").unwrap();
}
