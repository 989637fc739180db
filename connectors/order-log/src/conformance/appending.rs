//! Laws of appending, and of what comes back.

use crate::limits::{APPEND_QUEUE_RECORDS_MAX, RECORD_BYTES_MAX};
use crate::{AppendBatch, AppendError, Headers, Log, LogAppender, Ticket};

use super::tools::{
    WIDE, append, append_with_room, appender, await_ticket, create, expected, know_topic, must, must_fail,
    next_batch, numbers, read, reader, reader_of_all,
};

/// Records of one partition are read in the order of their append, over many batches.
pub fn records_keep_their_order(log: &dyn Log, topic: &str) {
    create(log, topic, 1);
    let mut appender = appender(log);
    let mut ticket = Ticket::default();
    for batch in 0..50 {
        let batch = numbers(topic, 0, batch * 20..(batch + 1) * 20);
        ticket = append_with_room(&mut *appender, batch, &mut Vec::new());
    }
    await_ticket(&mut *appender, ticket);
    assert_eq!(read(&mut *reader_of_all(log, topic, WIDE), 1_000), expected(0, 0..1_000));
}

/// Offsets have no holes, whoever appends; each offset that was asked for is the record's.
pub fn offsets_are_dense(log: &dyn Log, topic: &str) {
    create(log, topic, 1);
    let mut offsets = Vec::new();
    for round in 0..5 {
        let mut appender = appender(log);
        let mut batch = numbers(topic, 0, round * 10..(round + 1) * 10);
        batch.want_offsets = true;
        let ticket = append_with_room(&mut *appender, batch, &mut Vec::new());
        offsets.extend(await_ticket(&mut *appender, ticket).into_iter().flat_map(|batch| batch.offsets));
    }
    assert_eq!(offsets, (0..50).collect::<Vec<u64>>());
    assert_eq!(read(&mut *reader_of_all(log, topic, WIDE), 50), expected(0, 0..50));
}

/// A key or value that is missing stays missing, one that is empty stays empty.
pub fn null_is_not_empty(log: &dyn Log, topic: &str) {
    create(log, topic, 1);
    let cases: [[Option<&[u8]>; 2]; 6] = [
        [None, None],
        [Some(b""), Some(b"")],
        [Some(b"key"), None],
        [None, Some(b"value")],
        [Some(b""), Some(&[0, 255, 128])],
        [Some(b"key"), Some(b"")],
    ];
    let mut batch = AppendBatch::new(topic.into());
    for [key, value] in cases {
        batch.push(0, key, value, Headers::NONE);
    }
    batch.push_with(0, Some(b"written"), |bytes| bytes.extend_from_slice(b"in place"));
    append(log, batch);
    let mut expected: Vec<_> = cases.map(|parts| parts.map(|part| part.map(<[u8]>::to_vec))).into();
    expected.push([Some(b"written".to_vec()), Some(b"in place".to_vec())]);
    let mut reader = reader_of_all(log, topic, WIDE);
    let mut read = Vec::new();
    while read.len() < expected.len() {
        let batch = next_batch(&mut *reader);
        read.extend(
            batch.iter().map(|record| [record.key, record.value].map(|part| part.map(<[u8]>::to_vec))),
        );
    }
    assert_eq!(read, expected);
}

/// Headers come back with names, values and order, repeated names and empty values among them.
pub fn headers_come_back(log: &dyn Log, topic: &str) {
    create(log, topic, 1);
    let headers: [(&str, &[u8]); 4] =
        [("mac", &[0, 1, 255]), ("empty", b""), ("again", b"1"), ("again", b"2")];
    let mut encoded = Vec::new();
    for (name, value) in headers {
        Headers::encode(&mut encoded, name, value);
    }
    let mut batch = AppendBatch::new(topic.into());
    batch.push(0, Some(b"k"), Some(b"v"), Headers::from_encoded(&encoded));
    batch.push(0, Some(b"k"), Some(b"v"), Headers::NONE);
    append(log, batch);
    let mut reader = reader_of_all(log, topic, WIDE);
    let mut read = Vec::new();
    while read.len() < 2 {
        let batch = next_batch(&mut *reader);
        read.extend(batch.iter().map(|record| record.headers.as_encoded().to_vec()));
    }
    let decoded: Vec<Vec<_>> =
        read.iter().map(|encoded| Headers::from_encoded(encoded).iter().collect()).collect();
    assert_eq!(decoded, [headers.to_vec(), Vec::new()]);
}

/// Each partition has offsets of its own; a reader delivers only those it was told to read.
pub fn partitions_are_apart(log: &dyn Log, topic: &str) {
    create(log, topic, 3);
    let mut batch = AppendBatch::new(topic.into());
    batch.want_offsets = true;
    for number in 0..30_u32 {
        batch.push(number % 3, None, Some(number.to_string().as_bytes()), Headers::NONE);
    }
    let mut appender = appender(log);
    let ticket = append_with_room(&mut *appender, batch, &mut Vec::new());
    let offsets: Vec<u64> =
        await_ticket(&mut *appender, ticket).into_iter().flat_map(|batch| batch.offsets).collect();
    assert_eq!(offsets, (0..30).map(|number| number / 3).collect::<Vec<u64>>(), "in the batch's order");
    let mut reader = reader(log, topic, WIDE);
    must("starting", reader.start(0, 0));
    must("starting", reader.start(2, 5));
    let mut records = read(&mut *reader, 15);
    records.sort_unstable();
    let found: Vec<_> = records.iter().map(|seen| (seen.partition, seen.offset, seen.number)).collect();
    let first = (0..10).map(|offset| (0, offset, offset * 3));
    let last = (5..10).map(|offset| (2, offset, offset * 3 + 2));
    assert_eq!(found, first.chain(last).collect::<Vec<_>>());
}

/// Tickets are 1, 2, 3, ..., acknowledged once each, in that order, with offsets only where they were asked for. An
/// empty batch has a ticket, too.
pub fn tickets_are_acknowledged_in_order(log: &dyn Log, topic: &str) {
    create(log, topic, 2);
    let (mut appender, mut acknowledged) = (appender(log), Vec::new());
    for index in 0..20_u64 {
        let count = if index == 7 { 0 } else { 3 };
        let mut batch = numbers(topic, u32::from(index % 2 == 1), 0..count);
        batch.want_offsets = index % 3 == 0;
        let ticket = append_with_room(&mut *appender, batch, &mut acknowledged);
        assert_eq!(ticket, Ticket(index + 1));
    }
    acknowledged.extend(await_ticket(&mut *appender, Ticket(20)));
    assert_eq!(acknowledged.len(), 20);
    for (index, batch) in (0_u64..).zip(&acknowledged) {
        assert_eq!(batch.ticket, Ticket(index + 1));
        let offsets = if index % 3 == 0 { 3 } else { 0 };
        assert_eq!(batch.offsets.len(), offsets, "offsets of {:?}", batch.ticket);
    }
}

/// An appender that nobody polls gets full, gives the batch back whole, and takes it when there is room.
pub fn full_queue_gives_the_batch_back(log: &dyn Log, topic: &str) {
    const BATCH: usize = 10_000;
    create(log, topic, 1);
    let mut appender = appender(log);
    let (mut taken, mut acknowledged) = (0, Vec::new());
    know_topic(&mut *appender, topic);
    let returned = loop {
        let mut batch = AppendBatch::new(topic.into());
        (0..BATCH).for_each(|_| batch.push(0, None, Some(b"x"), Headers::NONE));
        match appender.append(batch) {
            Ok(_) => taken += BATCH,
            Err(AppendError::Full(batch)) => break batch,
            Err(error) => panic!("appending failed: {error:?}"),
        }
        assert!(taken <= 2 * APPEND_QUEUE_RECORDS_MAX, "the queue has no limit");
    };
    assert!(taken > 0, "an empty queue takes a batch");
    assert_eq!(returned.len(), BATCH);
    let ticket = append_with_room(&mut *appender, returned, &mut acknowledged);
    await_ticket(&mut *appender, ticket);
    let end = must("asking for the bounds", log.bounds(topic, 0)).end;
    assert_eq!(usize::try_from(end), Ok(taken + BATCH), "the refused batch is stored once");
}

/// A batch with a record over the limit is refused whole, and the appender goes on; one at the limit is taken.
pub fn an_oversized_record_is_refused_alone(log: &dyn Log, topic: &str) {
    create(log, topic, 1);
    let mut appender = appender(log);
    know_topic(&mut *appender, topic);
    let mut batch = numbers(topic, 0, [1]);
    batch.push(0, Some(b"key"), Some(&vec![b'7'; RECORD_BYTES_MAX - 2]), Headers::NONE);
    match must_fail("appending a record that is too large", appender.append(batch)) {
        AppendError::TooLarge { index, bytes, limit } => {
            assert_eq!((index, bytes, limit), (1, RECORD_BYTES_MAX + 1, RECORD_BYTES_MAX));
        }
        error => panic!("a record that is too large led to {error:?}"),
    }
    let mut batch = AppendBatch::new(topic.into());
    batch.push(0, None, Some(&vec![b'7'; RECORD_BYTES_MAX]), Headers::NONE);
    let ticket = must("appending a record of the largest size", appender.append(batch));
    await_ticket(&mut *appender, ticket);
    let batch = next_batch(&mut *reader_of_all(log, topic, WIDE));
    let bytes = batch.get(0).and_then(|record| record.value).map(<[u8]>::len);
    assert_eq!((batch.len(), bytes), (1, Some(RECORD_BYTES_MAX)), "nothing of the refused batch is stored");
}

/// Each appender has its own tickets and its own order, and learns of its own batches only.
pub fn appenders_are_independent(log: &dyn Log, topic: &str) {
    create(log, topic, 1);
    let mut appenders: [Box<dyn LogAppender>; 2] = [appender(log), appender(log)];
    for round in 0..10 {
        for (which, appender) in (0_u64..).zip(&mut appenders) {
            let first = which * 1_000 + round * 5;
            let batch = numbers(topic, 0, first..first + 5);
            let ticket = append_with_room(&mut **appender, batch, &mut Vec::new());
            assert_eq!(ticket, Ticket(round + 1));
        }
    }
    for appender in &mut appenders {
        assert_eq!(await_ticket(&mut **appender, Ticket(10)).len(), 10);
    }
    let records = read(&mut *reader_of_all(log, topic, WIDE), 100);
    for which in 0..2 {
        let own: Vec<u64> =
            records.iter().map(|seen| seen.number).filter(|number| number / 1_000 == which).collect();
        assert_eq!(own, (which * 1_000..which * 1_000 + 50).collect::<Vec<_>>(), "order of appender {which}");
    }
}

/// For logs that persist: what was acknowledged is there after closing and opening, and appending goes on behind it.
pub fn records_survive_reopening(open: &mut dyn FnMut() -> Box<dyn Log>, topic: &str) {
    let log = open();
    create(&*log, topic, 1);
    append(&*log, numbers(topic, 0, 0..100));
    drop(log);
    for round in 1..5 {
        let log = open();
        append(&*log, numbers(topic, 0, round * 100..(round + 1) * 100));
    }
    let log = open();
    assert_eq!(must("asking for partitions", log.partitions(topic)), 1);
    assert_eq!(read(&mut *reader_of_all(&*log, topic, WIDE), 500), expected(0, 0..500));
}
