#![expect(
    unsafe_code,
    reason = "whole batches of records and of reports are only to be had from the C library"
)]
//! The client's producer: takes runs of records, and reports what became of them in batches.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::time::Duration;

use rdkafka::bindings::{
    RD_KAFKA_EVENT_DR, RD_KAFKA_EVENT_ERROR, RD_KAFKA_EVENT_LOG, RD_KAFKA_MSG_F_COPY,
    RD_KAFKA_MSG_F_PARTITION, RD_KAFKA_PURGE_F_INFLIGHT, RD_KAFKA_PURGE_F_NON_BLOCKING,
    RD_KAFKA_PURGE_F_QUEUE, rd_kafka_conf_set_events, rd_kafka_error_code, rd_kafka_error_destroy,
    rd_kafka_event_destroy, rd_kafka_event_error, rd_kafka_event_error_is_fatal, rd_kafka_event_error_string,
    rd_kafka_event_log, rd_kafka_event_message_array, rd_kafka_event_t, rd_kafka_event_type,
    rd_kafka_header_add, rd_kafka_headers_destroy, rd_kafka_headers_new, rd_kafka_headers_t,
    rd_kafka_message_t, rd_kafka_produce_batch, rd_kafka_produceva, rd_kafka_purge, rd_kafka_queue_destroy,
    rd_kafka_queue_get_main, rd_kafka_queue_poll, rd_kafka_queue_t, rd_kafka_topic_destroy,
    rd_kafka_topic_new, rd_kafka_topic_t, rd_kafka_vtype_t, rd_kafka_vu_s__bindgen_ty_1,
    rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1, rd_kafka_vu_t,
};
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr, RDKafkaType};
use rdkafka::{ClientConfig, error::IsError};

use crate::AppendRecord;
use crate::kafka::context::Context;
use crate::kafka::to_i32;
use crate::limits::REPORT_RECORDS_MAX;

/// What became of a record, by the number it was given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report {
    pub(super) number: usize,
    pub(super) result: Result<i64, RDKafkaErrorCode>,
}

/// A producer that has broken for good.
#[derive(Clone, Debug)]
pub(super) struct Fatal(pub(super) String);

/// A producer with a queue of its own.
pub(super) struct Producer {
    client: Client<Context>,
    queue: *mut rd_kafka_queue_t,
    topics: Vec<*mut rd_kafka_topic_t>,
    run: Vec<rd_kafka_message_t>,
    reports: Vec<*const rd_kafka_message_t>,
}

/// A topic that was added to a producer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Topic(usize);

// SAFETY: the client may be used from any thread; the other pointers belong to it or to this object alone.
unsafe impl Send for Producer {}

impl Producer {
    pub(super) fn open(config: &ClientConfig, context: Context) -> KafkaResult<Self> {
        let native = config.create_native_config()?;
        // SAFETY: the configuration is valid.
        unsafe { rd_kafka_conf_set_events(native.ptr(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR) };
        let client = Client::new(config, native, RDKafkaType::RD_KAFKA_PRODUCER, context)?;
        // SAFETY: the client is valid; the queue is ours to destroy.
        let queue = unsafe { rd_kafka_queue_get_main(client.native_ptr()) };
        Ok(Self {
            client,
            queue,
            topics: Vec::new(),
            run: Vec::new(),
            reports: vec![ptr::null(); REPORT_RECORDS_MAX],
        })
    }

    pub(super) fn client(&self) -> &Client<Context> {
        &self.client
    }

    /// Adds a topic.
    pub(super) fn add_topic(&mut self, name: &str) -> KafkaResult<Topic> {
        let c_name = CString::new(name)?;
        // SAFETY: client and name are valid through the call; the handle is destroyed in `drop`.
        let pointer =
            unsafe { rd_kafka_topic_new(self.client.native_ptr(), c_name.as_ptr(), ptr::null_mut()) };
        if pointer.is_null() {
            return Err(KafkaError::ClientCreation(format!("the client does not take topic {name}")));
        }
        self.topics.push(pointer);
        Ok(Topic(self.topics.len() - 1))
    }

    /// Queues records in order, numbered from `first_number`. After an error some may be queued and others not: the
    /// producer must not be used any more.
    pub(super) fn send<'a>(
        &mut self,
        topic: Topic,
        records: impl Iterator<Item = AppendRecord<'a>>,
        first_number: usize,
    ) -> Result<(), RDKafkaErrorCode> {
        let topic = self.topics.get(topic.0).copied().ok_or(RDKafkaErrorCode::UnknownTopic)?;
        self.run.clear();
        for (number, record) in (first_number..).zip(records) {
            if record.headers.is_empty() {
                self.run.push(message(topic, &record, number));
            } else {
                self.send_run(topic)?;
                self.send_with_headers(topic, &record, number)?;
            }
        }
        self.send_run(topic)
    }

    fn send_run(&mut self, topic: *mut rd_kafka_topic_t) -> Result<(), RDKafkaErrorCode> {
        let count = c_int::try_from(self.run.len()).map_err(|_| RDKafkaErrorCode::QueueFull)?;
        if count == 0 {
            return Ok(());
        }
        // SAFETY: the topic is valid, the array holds `count` messages, and what they point to lives through the call:
        // the client copies it.
        let queued = unsafe {
            let flags = RD_KAFKA_MSG_F_PARTITION | RD_KAFKA_MSG_F_COPY;
            rd_kafka_produce_batch(topic, 0, flags, self.run.as_mut_ptr(), count)
        };
        if queued != count {
            let code = self.run.iter().map(|message| message.err).find(IsError::is_error);
            return Err(code.map_or(RDKafkaErrorCode::Fail, RDKafkaErrorCode::from));
        }
        self.run.clear();
        Ok(())
    }

    fn send_with_headers(
        &self,
        topic: *mut rd_kafka_topic_t,
        record: &AppendRecord<'_>,
        number: usize,
    ) -> Result<(), RDKafkaErrorCode> {
        let headers = native_headers(record);
        let argument = |vtype, u| rd_kafka_vu_t { vtype, u };
        let key = record.key.map_or((ptr::null(), 0), |key| (key.as_ptr(), key.len()));
        let value = record.value.map_or((ptr::null(), 0), |value| (value.as_ptr(), value.len()));
        let arguments = [
            argument(rd_kafka_vtype_t::RD_KAFKA_VTYPE_RKT, rd_kafka_vu_s__bindgen_ty_1 { rkt: topic }),
            argument(
                rd_kafka_vtype_t::RD_KAFKA_VTYPE_PARTITION,
                rd_kafka_vu_s__bindgen_ty_1 { i32_: to_i32(record.partition) },
            ),
            argument(
                rd_kafka_vtype_t::RD_KAFKA_VTYPE_MSGFLAGS,
                rd_kafka_vu_s__bindgen_ty_1 { i: RD_KAFKA_MSG_F_COPY },
            ),
            argument(rd_kafka_vtype_t::RD_KAFKA_VTYPE_KEY, memory(key)),
            argument(rd_kafka_vtype_t::RD_KAFKA_VTYPE_VALUE, memory(value)),
            argument(rd_kafka_vtype_t::RD_KAFKA_VTYPE_HEADERS, rd_kafka_vu_s__bindgen_ty_1 { headers }),
            argument(
                rd_kafka_vtype_t::RD_KAFKA_VTYPE_OPAQUE,
                rd_kafka_vu_s__bindgen_ty_1 { ptr: ptr::without_provenance_mut(number) },
            ),
        ];
        // SAFETY: each argument's field is the one its type says, and what it points to lives through the call: the
        // client copies it. On success the client owns the headers, on failure they are still ours.
        unsafe {
            let error = rd_kafka_produceva(self.client.native_ptr(), arguments.as_ptr(), arguments.len());
            if error.is_null() {
                return Ok(());
            }
            let code = rd_kafka_error_code(error);
            rd_kafka_error_destroy(error);
            rd_kafka_headers_destroy(headers);
            Err(code.into())
        }
    }

    /// Waits for the next event, at most for `wait`, and gives every report it brought to `take`. Says whether there was
    /// an event.
    pub(super) fn poll(&mut self, wait: Duration, mut take: impl FnMut(Report)) -> Result<bool, Fatal> {
        let wait_ms = c_int::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX);
        // SAFETY: the queue is valid; the event is ours until destroyed below.
        let event = unsafe { rd_kafka_queue_poll(self.queue, wait_ms) };
        if event.is_null() {
            return Ok(false);
        }
        // SAFETY: the event is valid through these calls and destroyed once.
        unsafe {
            let result = match rd_kafka_event_type(event) {
                RD_KAFKA_EVENT_DR => {
                    self.take_reports(event, &mut take);
                    Ok(true)
                }
                RD_KAFKA_EVENT_ERROR => self.take_error(event).map(|()| true),
                RD_KAFKA_EVENT_LOG => {
                    self.take_log(event);
                    Ok(true)
                }
                _ => Ok(true),
            };
            rd_kafka_event_destroy(event);
            result
        }
    }

    /// # Safety
    /// `event` is a valid event of delivery reports.
    unsafe fn take_reports(&mut self, event: *mut rd_kafka_event_t, take: &mut impl FnMut(Report)) {
        loop {
            // SAFETY: the array has room for as many pointers as we say.
            let count =
                unsafe { rd_kafka_event_message_array(event, self.reports.as_mut_ptr(), self.reports.len()) };
            for message in self.reports.iter().take(count) {
                // SAFETY: the first `count` pointers are valid until the event is destroyed.
                let message = unsafe { &**message };
                let result =
                    if message.err.is_error() { Err(message.err.into()) } else { Ok(message.offset) };
                take(Report { number: message._private.addr(), result });
            }
            if count < self.reports.len() {
                return;
            }
        }
    }

    /// # Safety
    /// `event` is a valid error event.
    unsafe fn take_error(&self, event: *mut rd_kafka_event_t) -> Result<(), Fatal> {
        // SAFETY: as the caller promises; the text lives as long as the event.
        let (code, text, is_fatal) = unsafe {
            let text = CStr::from_ptr(rd_kafka_event_error_string(event)).to_string_lossy();
            (rd_kafka_event_error(event), text, rd_kafka_event_error_is_fatal(event) != 0)
        };
        if is_fatal || code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__FATAL {
            let detail = self.client.fatal_error().map_or_else(|| text.into_owned(), |(_, detail)| detail);
            return Err(Fatal(detail));
        }
        self.client.context().error(KafkaError::Global(code.into()), &text);
        Ok(())
    }

    /// # Safety
    /// `event` is a valid log event.
    unsafe fn take_log(&self, event: *mut rd_kafka_event_t) {
        let (mut facility, mut message, mut level) = (ptr::null::<c_char>(), ptr::null::<c_char>(), 0);
        // SAFETY: as the caller promises; the texts live as long as the event.
        let (facility, message) = unsafe {
            if rd_kafka_event_log(event, &raw mut facility, &raw mut message, &raw mut level) != 0 {
                return;
            }
            (CStr::from_ptr(facility).to_string_lossy(), CStr::from_ptr(message).to_string_lossy())
        };
        let level = match level {
            ..=3 => RDKafkaLogLevel::Error,
            4 => RDKafkaLogLevel::Warning,
            5 | 6 => RDKafkaLogLevel::Info,
            _ => RDKafkaLogLevel::Debug,
        };
        self.client.context().log(level, &facility, &message);
    }

    /// Drops what is queued or on its way; what the broker has already may be stored all the same.
    pub(super) fn purge(&self) {
        let flags = RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING;
        // SAFETY: the client is valid.
        let code = unsafe { rd_kafka_purge(self.client.native_ptr(), flags) };
        if code.is_error() {
            tracing::debug!("could not purge the producer: {code:?}");
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.purge();
        // SAFETY: handles and queue are ours, destroyed once, and before the client, which is dropped after this.
        unsafe {
            for topic in &self.topics {
                rd_kafka_topic_destroy(*topic);
            }
            rd_kafka_queue_destroy(self.queue);
        }
    }
}

/// The record as the client takes it. A key or value that is null is a null pointer, an empty one is not.
fn message(topic: *mut rd_kafka_topic_t, record: &AppendRecord<'_>, number: usize) -> rd_kafka_message_t {
    let pointer = |part: Option<&[u8]>| {
        part.map_or(ptr::null_mut(), |bytes| bytes.as_ptr().cast_mut().cast::<c_void>())
    };
    let length = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
    rd_kafka_message_t {
        err: RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR,
        rkt: topic,
        partition: to_i32(record.partition),
        payload: pointer(record.value),
        len: length(record.value),
        key: pointer(record.key),
        key_len: length(record.key),
        offset: 0,
        _private: ptr::without_provenance_mut(number),
    }
}

fn memory((start, size): (*const u8, usize)) -> rd_kafka_vu_s__bindgen_ty_1 {
    let ptr = start.cast_mut().cast::<c_void>();
    rd_kafka_vu_s__bindgen_ty_1 { mem: rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr, size } }
}

/// The record's headers in the client's form; to be destroyed, or given to the client.
fn native_headers(record: &AppendRecord<'_>) -> *mut rd_kafka_headers_t {
    let length = |bytes: &[u8]| isize::try_from(bytes.len()).unwrap_or(isize::MAX);
    // SAFETY: name and value live through each call: the client copies them. No slice is longer than `isize::MAX`.
    unsafe {
        let headers = rd_kafka_headers_new(record.headers.iter().count());
        for (name, value) in record.headers.iter() {
            rd_kafka_header_add(
                headers,
                name.as_ptr().cast(),
                length(name.as_bytes()),
                value.as_ptr().cast(),
                length(value),
            );
        }
        headers
    }
}
