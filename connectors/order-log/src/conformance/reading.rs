//! Laws of reading.

use crate::{Log, ReadLimits};

use super::tools::{
    QUIET, WIDE, append, append_with_room, appender, assert_quiet, await_ticket, create, expected, must,
    next_batch, numbers, read, reader, reader_of_all, seen,
};

/// Reading begins at the begin, in the middle, or at the end, as it was told.
pub fn reading_starts_anywhere(log: &dyn Log, topic: &str) {
    create(log, topic, 1);
    append(log, numbers(topic, 0, 0..100));
    for from in [0, 1, 50, 99] {
        let mut reader = reader(log, topic, WIDE);
        must("starting", reader.start(0, from));
        let count = usize::try_from(100 - from).unwrap_or_default();
        assert_eq!(read(&mut *reader, count), expected(from, from..100), "from offset {from}");
    }
    let mut reader = reader(log, topic, WIDE);
    must("starting", reader.start(0, 100));
    assert_quiet(&mut *reader);
    append(log, numbers(topic, 0, 100..110));
    assert_eq!(read(&mut *reader, 10), expected(100, 100..110), "from the end");
}

/// A reader that waits at the end gets what another thread appends.
pub fn waiting_readers_see_new_records(log: &dyn Log, topic: &str) {
    create(log, topic, 1);
    let mut reader = reader_of_all(log, topic, WIDE);
    assert_quiet(&mut *reader);
    let records = std::thread::scope(|scope| {
        let reading = scope.spawn(|| read(&mut *reader, 30));
        let mut appender = appender(log);
        for number in 0..30 {
            let ticket = append_with_room(&mut *appender, numbers(topic, 0, [number]), &mut Vec::new());
            await_ticket(&mut *appender, ticket);
        }
        match reading.join() {
            Ok(records) => records,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    });
    assert_eq!(records, expected(0, 0..30));
}

/// `start` moves a partition that is being read, back and forth; `stop` ends its reading.
pub fn start_moves(log: &dyn Log, topic: &str) {
    create(log, topic, 1);
    append(log, numbers(topic, 0, 0..100));
    let mut reader = reader_of_all(log, topic, ReadLimits { records_max: 10, ..WIDE });
    assert_eq!(next_batch(&mut *reader).first_offset(), 0);
    for offset in [90, 5, 40] {
        must("moving", reader.start(0, offset));
        assert_eq!(next_batch(&mut *reader).first_offset(), offset);
    }
    must("stopping", reader.stop(0));
    assert_quiet(&mut *reader);
    must("starting again", reader.start(0, 70));
    assert_eq!(read(&mut *reader, 30), expected(70, 70..100));
}

/// A paused partition delivers nothing; resumed, it goes on where it was, whatever was appended meanwhile. Other
/// partitions are not held up.
pub fn pause_loses_and_repeats_nothing(log: &dyn Log, topic: &str) {
    create(log, topic, 2);
    append(log, numbers(topic, 0, 0..500));
    let mut reader = reader_of_all(log, topic, ReadLimits { records_max: 50, ..WIDE });
    let mut records = seen(&next_batch(&mut *reader));
    must("pausing", reader.pause(0));
    assert_quiet(&mut *reader);
    append(log, numbers(topic, 0, 500..600));
    append(log, numbers(topic, 1, 0..10));
    must("starting", reader.start(1, 0));
    let other = read(&mut *reader, 10);
    assert!(other.iter().all(|seen| seen.partition == 1), "partition 0 is paused");
    must("resuming", reader.resume(0));
    records.extend(read(&mut *reader, 600 - records.len()));
    assert_eq!(records, expected(0, 0..600));
}

/// No batch has more records or bytes than the reader allows, except one record that is larger alone.
pub fn batch_limits_hold(log: &dyn Log, topic: &str) {
    create(log, topic, 1);
    append(log, numbers(topic, 0, 100_000..101_000));
    let limits = [
        ReadLimits { records_max: 7, ..WIDE },
        ReadLimits { bytes_max: 100, ..WIDE },
        ReadLimits { bytes_max: 1, ..WIDE },
    ];
    for limits in limits {
        let mut reader = reader_of_all(log, topic, limits);
        let mut records = Vec::new();
        while records.len() < 1_000 {
            let batch = next_batch(&mut *reader);
            assert!(batch.len() <= limits.records_max, "{} records under {limits:?}", batch.len());
            assert!(
                batch.bytes() <= limits.bytes_max || batch.len() == 1,
                "{} bytes, {limits:?}",
                batch.bytes()
            );
            records.extend(seen(&batch));
        }
        assert_eq!(records, expected(0, 100_000..101_000), "under {limits:?}");
    }
    let mut none_left = reader(log, topic, WIDE);
    must("starting", none_left.start(0, 1_000));
    assert!(must("polling", none_left.poll(QUIET)).is_none());
}
