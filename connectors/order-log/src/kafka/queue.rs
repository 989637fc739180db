#![expect(unsafe_code, reason = "whole batches of messages are only to be had from the C library")]
//! The client's queue of one partition, read in batches.
//!
//! A partition has a queue of its own, so that a batch needs no sorting, a slow partition holds up no other, and a pause
//! is simply not reading: a queue that is full stops its own fetching.

use std::ffi::{CStr, CString, c_void};
use std::ptr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::bindings::{
    rd_kafka_consume_batch_queue, rd_kafka_header_get_all, rd_kafka_headers_t, rd_kafka_message_destroy,
    rd_kafka_message_headers, rd_kafka_message_t, rd_kafka_message_timestamp, rd_kafka_position,
    rd_kafka_queue_cb_event_enable, rd_kafka_queue_destroy, rd_kafka_queue_forward,
    rd_kafka_queue_get_partition, rd_kafka_queue_t, rd_kafka_t,
};
use rdkafka::client::NativeClient;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use crate::Headers;

/// Wakes a reader when something has come.
#[derive(Debug, Default)]
pub(super) struct Wake {
    is_set: Mutex<bool>,
    condition: Condvar,
}

impl Wake {
    pub(super) fn set(&self) {
        *self.is_set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.condition.notify_all();
    }

    /// Waits until set, at most for `wait`, and unsets it.
    pub(super) fn wait(&self, wait: Duration) {
        let guard = self.is_set.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut guard, _) = self
            .condition
            .wait_timeout_while(guard, wait, |is_set| !*is_set)
            .unwrap_or_else(PoisonError::into_inner);
        *guard = false;
    }
}

/// A message as the client has it, for as long as its queue's callback runs.
pub(super) struct Message<'a> {
    pub(super) offset: i64,
    pub(super) time_ms: i64,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: Headers<'a>,
}

/// The queue of one partition. Must be dropped before its client.
#[derive(Debug)]
pub(super) struct PartitionQueue {
    queue: *mut rd_kafka_queue_t,
    /// What the queue's callback points to.
    _wake: Arc<Wake>,
    messages: Vec<*mut rd_kafka_message_t>,
    headers: Vec<u8>,
}

// SAFETY: the client's queues may be used from any thread, and the message pointers are only used while `read` runs.
unsafe impl Send for PartitionQueue {}

impl PartitionQueue {
    /// Separates the partition's messages from the client's common queue. To be done before the partition is assigned.
    pub(super) fn open(
        client: &NativeClient,
        topic: &CString,
        partition: i32,
        wake: &Arc<Wake>,
        batch: usize,
    ) -> Option<Self> {
        // SAFETY: the client and the name live through the call; the queue is ours to destroy.
        let queue = unsafe { rd_kafka_queue_get_partition(client.ptr(), topic.as_ptr(), partition) };
        if queue.is_null() {
            return None;
        }
        let opaque = Arc::as_ptr(wake).cast_mut().cast::<c_void>();
        // SAFETY: the queue is valid. `opaque` points into `wake`, which this object keeps alive until `drop` has taken
        // the callback off; the callback only uses it by shared reference.
        unsafe {
            rd_kafka_queue_forward(queue, ptr::null_mut());
            rd_kafka_queue_cb_event_enable(queue, Some(wake_up), opaque);
        }
        Some(Self {
            queue,
            _wake: Arc::clone(wake),
            messages: vec![ptr::null_mut(); batch],
            headers: Vec::new(),
        })
    }

    /// Hands every message that is there, up to a batch, to `take`; says how many there were. Ends early with the first
    /// error message; those after it are gone.
    pub(super) fn read(&mut self, mut take: impl FnMut(Message<'_>)) -> Result<usize, RDKafkaErrorCode> {
        // SAFETY: the array has room for as many pointers as we say.
        let count = unsafe {
            rd_kafka_consume_batch_queue(self.queue, 0, self.messages.as_mut_ptr(), self.messages.len())
        };
        let count = usize::try_from(count).unwrap_or(0);
        let mut result = Ok(count);
        for message in self.messages.iter().take(count) {
            // SAFETY: the call above filled in the first `count` pointers; each message is ours until destroyed below.
            let fields = unsafe { &**message };
            if fields.err != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR && result.is_ok() {
                result = Err(fields.err.into());
            }
            if result.is_ok() {
                self.headers.clear();
                // SAFETY: the message is valid, and so are the byte ranges it points to until it is destroyed. `take`
                // cannot keep them: its argument's lifetime is its own.
                unsafe {
                    encode_headers(*message, &mut self.headers);
                    take(Message {
                        offset: fields.offset,
                        time_ms: rd_kafka_message_timestamp(*message, ptr::null_mut()),
                        key: bytes(fields.key, fields.key_len),
                        value: bytes(fields.payload, fields.len),
                        headers: Headers::from_encoded(&self.headers),
                    });
                }
            }
            // SAFETY: destroyed once; neither the pointer nor what it points to is used again.
            unsafe { rd_kafka_message_destroy(*message) };
        }
        result
    }
}

/// Fills in the client's position in each partition of `list`; an invalid one where it has none.
pub(super) fn positions(client: &NativeClient, list: &mut TopicPartitionList) {
    // SAFETY: the client and the list are valid, and the list is not used elsewhere meanwhile. What fails is said in the
    // list, by an invalid offset.
    unsafe { rd_kafka_position(client.ptr(), list.ptr()) };
}

impl Drop for PartitionQueue {
    fn drop(&mut self) {
        // SAFETY: the queue is valid and ours, and its client still lives. The callback is taken off under the queue's
        // lock, so none runs any more when `wake` goes.
        unsafe {
            rd_kafka_queue_cb_event_enable(self.queue, None, ptr::null_mut());
            rd_kafka_queue_destroy(self.queue);
        }
    }
}

unsafe extern "C" fn wake_up(_client: *mut rd_kafka_t, opaque: *mut c_void) {
    // SAFETY: `opaque` is the `Wake` that `PartitionQueue::open` registered and that outlives the registration.
    unsafe { &*opaque.cast::<Wake>() }.set();
}

/// # Safety
/// `start` is null, or points to `length` bytes that live as long as the result is used.
unsafe fn bytes<'a>(start: *const c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: as the caller promises.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast::<u8>(), length) })
}

/// # Safety
/// `message` is a valid message.
unsafe fn encode_headers(message: *const rd_kafka_message_t, into: &mut Vec<u8>) {
    let mut headers: *mut rd_kafka_headers_t = ptr::null_mut();
    // SAFETY: the message is valid; the headers stay the message's own.
    if unsafe { rd_kafka_message_headers(message, &raw mut headers) }
        != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
    {
        return;
    }
    for index in 0.. {
        let (mut name, mut value, mut length) = (ptr::null(), ptr::null(), 0);
        // SAFETY: the headers are valid; an index past the end is answered by an error.
        let code = unsafe {
            rd_kafka_header_get_all(headers, index, &raw mut name, &raw mut value, &raw mut length)
        };
        if code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return;
        }
        // SAFETY: name (a C string) and value point into the headers, which live as long as the message.
        let (name, value) = unsafe { (CStr::from_ptr(name), bytes(value, length)) };
        Headers::encode(into, &name.to_string_lossy(), value.unwrap_or_default());
    }
}
