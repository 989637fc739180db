#![expect(unsafe_code, reason = "the engine is a C library that is loaded at run time")]
//! The engine's C interface, and what makes it safe: all unsafe code of this crate is here.
//!
//! What the rest sees cannot be used wrongly: a [`Connection`] runs one statement at a time, since running one takes it by
//! `&mut`; a [`Rows`] or [`Insert`] ends before its connection, since it borrows it; every handle is given back once.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::path::Path;
use std::ptr::NonNull;
use std::slice;

use libloading::Library;

use crate::EngineError;

type Handle = *mut c_void;
type Params = (*const *const c_char, *const usize, *const *const c_char, *const usize, usize);

/// The functions of `chdb.h` that we use, by their names there without `chdb_`.
struct Functions {
    set_signal_handlers_enabled: unsafe extern "C" fn(c_int),
    shutdown: unsafe extern "C" fn() -> c_int,
    connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut Handle,
    close_conn: unsafe extern "C" fn(*mut Handle),
    classify_query:
        unsafe extern "C" fn(Handle, *const c_char, usize, *const c_char, usize, *mut Analysis) -> c_int,
    query: unsafe extern "C" fn(
        Handle,
        *const c_char,
        usize,
        *const c_char,
        usize,
        *const *const c_char,
        *const usize,
        *const *const c_char,
        *const usize,
        usize,
    ) -> Handle,
    stream_query: unsafe extern "C" fn(
        Handle,
        *const c_char,
        usize,
        *const c_char,
        usize,
        *const *const c_char,
        *const usize,
        *const *const c_char,
        *const usize,
        usize,
    ) -> Handle,
    stream_fetch_result: unsafe extern "C" fn(Handle, Handle) -> Handle,
    stream_cancel_query: unsafe extern "C" fn(Handle, Handle),
    destroy_query_result: unsafe extern "C" fn(Handle),
    stream_insert: unsafe extern "C" fn(
        Handle,
        *const c_char,
        usize,
        *const c_char,
        usize,
        *const *const c_char,
        *const usize,
        *const *const c_char,
        *const usize,
        usize,
    ) -> Handle,
    stream_append: unsafe extern "C" fn(Handle, *const c_void, usize) -> c_int,
    stream_done: unsafe extern "C" fn(Handle) -> Handle,
    stream_insert_error: unsafe extern "C" fn(Handle) -> *const c_char,
    destroy_insert_stream: unsafe extern "C" fn(Handle),
    result_buffer: unsafe extern "C" fn(Handle) -> *const c_char,
    result_length: unsafe extern "C" fn(Handle) -> usize,
    result_error: unsafe extern "C" fn(Handle) -> *const c_char,
    result_rows_read: unsafe extern "C" fn(Handle) -> u64,
    result_storage_rows_read: unsafe extern "C" fn(Handle) -> u64,
    result_storage_bytes_read: unsafe extern "C" fn(Handle) -> u64,
    result_rows_written: unsafe extern "C" fn(Handle) -> u64,
    result_bytes_written: unsafe extern "C" fn(Handle) -> u64,
}

/// `chdb_query_analysis_v1`.
#[repr(C)]
struct Analysis {
    struct_size: u32,
    statement_count: u32,
    flags: u32,
    query_class: u32,
}

/// What a statement would do, as the engine's parser sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    ReadsOnly,
    Writes,
    /// It does not parse, or to something the engine has no class for.
    Unknown,
}

/// The loaded library. It is never unloaded: its threads run as long as the process.
pub(crate) struct Chdb {
    functions: Functions,
}

impl Chdb {
    /// Loads the library and keeps the engine from taking over the process's signals.
    pub(crate) fn load(path: &Path) -> Result<Self, EngineError> {
        // SAFETY: loading runs the library's initialisers. They are ClickHouse's, of the version and, where known, the
        // checksum that `fetch` pins; a library the user names instead is trusted like any program the user starts.
        let library = unsafe { Library::new(path) };
        let failed =
            |error: libloading::Error| EngineError::Load { path: path.to_owned(), detail: error.to_string() };
        let library: &'static Library = Box::leak(Box::new(library.map_err(failed)?));
        // SAFETY: every type in `Functions` is that of the function in `chdb.h` of this version: pointers as pointers, `int`
        // and enums as `c_int`, `size_t` as `usize`. The library is never unloaded, so the pointers stay valid.
        let functions = unsafe { Functions::find(library) }.map_err(failed)?;
        // SAFETY: takes a plain flag, and is called before the first connection, as `chdb.h` asks.
        unsafe { (functions.set_signal_handlers_enabled)(0) };
        Ok(Self { functions })
    }

    /// Ends the engine's threads for good, once all connections are closed; says whether it did.
    pub(crate) fn shut_down(&self) -> bool {
        // SAFETY: takes nothing, may be called from any thread at any time, and does nothing while a connection is open.
        unsafe { (self.functions.shutdown)() == 0 }
    }

    /// A new connection with settings, parameters and temporary tables of its own; the first one opens the folder.
    pub(crate) fn connect(&'static self, folder: &Path) -> Option<Connection> {
        let path = format!("--path={}", folder.display());
        let mut arguments = [CString::new("clickhouse").ok()?, CString::new(path).ok()?];
        let mut pointers = arguments.each_mut().map(|argument| argument.as_ptr().cast_mut());
        // SAFETY: two pointers to strings that end in NUL and outlive the call, which copies what it keeps and writes to
        // none of them.
        let connection = unsafe { (self.functions.connect)(2, pointers.as_mut_ptr()) };
        Some(Connection { chdb: self, connection: NonNull::new(connection)? })
    }
}

/// The text a function returned, if it returned one that is not empty.
///
/// # Safety
/// `text` is null, or ends in NUL and stays unchanged during the call.
unsafe fn text(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: as above.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    (!text.is_empty()).then(|| text.into_owned())
}

impl Functions {
    /// # Safety
    /// The library exports functions of these names with the types of the fields.
    unsafe fn find(library: &'static Library) -> Result<Self, libloading::Error> {
        macro_rules! find {
            ($($field:ident = $name:literal),* $(,)?) => {
                // SAFETY: the caller vouches for the types.
                Ok(Self { $($field: *unsafe { library.get($name) }?,)* })
            };
        }
        find!(
            set_signal_handlers_enabled = c"chdb_set_signal_handlers_enabled",
            shutdown = c"chdb_shutdown",
            connect = c"chdb_connect",
            close_conn = c"chdb_close_conn",
            classify_query = c"chdb_classify_query_n",
            query = c"chdb_query_with_params_n",
            stream_query = c"chdb_stream_query_with_params_n",
            stream_fetch_result = c"chdb_stream_fetch_result",
            stream_cancel_query = c"chdb_stream_cancel_query",
            destroy_query_result = c"chdb_destroy_query_result",
            stream_insert = c"chdb_stream_insert_with_params_n",
            stream_append = c"chdb_stream_append",
            stream_done = c"chdb_stream_done",
            stream_insert_error = c"chdb_stream_insert_error",
            destroy_insert_stream = c"chdb_destroy_insert_stream",
            result_buffer = c"chdb_result_buffer",
            result_length = c"chdb_result_length",
            result_error = c"chdb_result_error",
            result_rows_read = c"chdb_result_rows_read",
            result_storage_rows_read = c"chdb_result_storage_rows_read",
            result_storage_bytes_read = c"chdb_result_storage_bytes_read",
            result_rows_written = c"chdb_result_rows_written",
            result_bytes_written = c"chdb_result_bytes_written",
        )
    }
}

/// Has `run` called when the process exits, before what was set up earlier is taken down.
pub(crate) fn at_exit(run: extern "C" fn()) {
    unsafe extern "C" {
        fn atexit(run: extern "C" fn()) -> c_int;
    }
    // SAFETY: C's own function with C's own type; the callback takes nothing and is never unloaded.
    if unsafe { atexit(run) } != 0 {
        tracing::warn!("the ClickHouse engine cannot be stopped at the process's exit");
    }
}

/// A statement's text, the format of its data, and the values of its `{name:Type}` parameters.
#[derive(Clone, Copy)]
pub(crate) struct Statement<'a> {
    pub(crate) sql: &'a str,
    pub(crate) format: &'a str,
    pub(crate) params: &'a [(String, String)],
}

impl Statement<'_> {
    fn start(
        self,
        call: impl FnOnce(*const c_char, usize, *const c_char, usize, Params) -> Handle,
    ) -> Handle {
        let column = |pick: fn(&(String, String)) -> &String| -> (Vec<*const c_char>, Vec<usize>) {
            self.params.iter().map(|param| (pick(param).as_ptr().cast(), pick(param).len())).unzip()
        };
        let (names, name_lengths) = column(|param| &param.0);
        let (values, value_lengths) = column(|param| &param.1);
        let params =
            (names.as_ptr(), name_lengths.as_ptr(), values.as_ptr(), value_lengths.as_ptr(), names.len());
        call(self.sql.as_ptr().cast(), self.sql.len(), self.format.as_ptr().cast(), self.format.len(), params)
    }
}

/// A connection to the engine; dropping the last one closes the folder.
pub(crate) struct Connection {
    chdb: &'static Chdb,
    /// Where the library keeps the handle that statements run on.
    connection: NonNull<Handle>,
}

// SAFETY: the library binds a connection to no thread, it only wants calls on one connection one after the other; `&mut`
// sees to that.
unsafe impl Send for Connection {}

impl Connection {
    fn handle(&self) -> Handle {
        // SAFETY: the library wrote the handle there when it connected, and changes it only when it closes.
        unsafe { *self.connection.as_ptr() }
    }

    /// What `sql` would do; it is not run.
    pub(crate) fn classify(&mut self, sql: &str) -> Class {
        const READ_ONLY: u32 = 0;
        const UNKNOWN: u32 = 4;
        let struct_size = u32::try_from(size_of::<Analysis>()).unwrap_or_default();
        let mut analysis = Analysis { struct_size, statement_count: 0, flags: 0, query_class: UNKNOWN };
        // SAFETY: an open connection; the text comes with its length; no database, which may be null; and a struct of the
        // size it states.
        let state = unsafe {
            (self.chdb.functions.classify_query)(
                self.handle(),
                sql.as_ptr().cast(),
                sql.len(),
                std::ptr::null(),
                0,
                &raw mut analysis,
            )
        };
        match analysis.query_class {
            _ if state != 0 => Class::Unknown,
            READ_ONLY => Class::ReadsOnly,
            UNKNOWN => Class::Unknown,
            _ => Class::Writes,
        }
    }

    /// Runs a statement to its end; the whole result is in memory.
    pub(crate) fn query(&mut self, statement: Statement<'_>) -> Result<Piece, String> {
        let (chdb, connection) = (self.chdb, self.handle());
        let result = statement.start(|sql, sql_len, format, format_len, params| {
            let (names, name_lens, values, value_lens, count) = params;
            // SAFETY: an open connection; every pointer comes with its length and outlives the call.
            unsafe {
                (chdb.functions.query)(
                    connection, sql, sql_len, format, format_len, names, name_lens, values, value_lens, count,
                )
            }
        });
        Piece { chdb, result }.checked()
    }

    /// Starts a SELECT whose result is fetched piece by piece.
    pub(crate) fn rows(&mut self, statement: Statement<'_>) -> Result<Rows<'_>, String> {
        let (chdb, connection) = (self.chdb, self.handle());
        let result = statement.start(|sql, sql_len, format, format_len, params| {
            let (names, name_lens, values, value_lens, count) = params;
            // SAFETY: as in `query`.
            unsafe {
                (chdb.functions.stream_query)(
                    connection, sql, sql_len, format, format_len, names, name_lens, values, value_lens, count,
                )
            }
        });
        let started = Piece { chdb, result }.checked()?;
        Ok(Rows { started, connection, ended: false, borrows: PhantomData })
    }

    /// Starts an INSERT whose data follows; `sql` ends before FORMAT.
    pub(crate) fn insert(&mut self, statement: Statement<'_>) -> Result<Insert<'_>, String> {
        let (chdb, connection) = (self.chdb, self.handle());
        let stream = statement.start(|sql, sql_len, format, format_len, params| {
            let (names, name_lens, values, value_lens, count) = params;
            // SAFETY: as in `query`.
            unsafe {
                (chdb.functions.stream_insert)(
                    connection, sql, sql_len, format, format_len, names, name_lens, values, value_lens, count,
                )
            }
        });
        let insert = Insert { chdb, stream, borrows: PhantomData };
        match insert.error() {
            None => Ok(insert),
            Some(error) => Err(error),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: open until here, and everything that borrows it has ended.
        unsafe { (self.chdb.functions.close_conn)(self.connection.as_ptr()) };
    }
}

/// A result, or a piece of one.
pub(crate) struct Piece {
    chdb: &'static Chdb,
    /// A result that is ours; the library's functions take null too.
    result: Handle,
}

/// What a statement read and wrote.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) read_rows: u64,
    pub(crate) read_bytes: u64,
    pub(crate) written_rows: u64,
    pub(crate) written_bytes: u64,
    pub(crate) result_rows: u64,
}

impl Piece {
    fn checked(self) -> Result<Self, String> {
        // SAFETY: the result lives as long as `self`, and the text as long as the result.
        let error = unsafe { text((self.chdb.functions.result_error)(self.result)) };
        error.map_or(Ok(self), Err)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the buffer belongs to the result, which lives and does not change as long as `self` is borrowed.
        unsafe {
            let start = (self.chdb.functions.result_buffer)(self.result);
            let length = (self.chdb.functions.result_length)(self.result);
            if start.is_null() || length == 0 { &[] } else { slice::from_raw_parts(start.cast(), length) }
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        let functions = &self.chdb.functions;
        // SAFETY: each reads one number of a result that lives as long as `self`.
        unsafe {
            Counts {
                read_rows: (functions.result_storage_rows_read)(self.result),
                read_bytes: (functions.result_storage_bytes_read)(self.result),
                written_rows: (functions.result_rows_written)(self.result),
                written_bytes: (functions.result_bytes_written)(self.result),
                result_rows: (functions.result_rows_read)(self.result),
            }
        }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        // SAFETY: given to us by the library, given back once.
        unsafe { (self.chdb.functions.destroy_query_result)(self.result) };
    }
}

/// A SELECT under way; dropping it early cancels it.
pub(crate) struct Rows<'c> {
    started: Piece,
    connection: Handle,
    ended: bool,
    borrows: PhantomData<&'c mut Connection>,
}

impl Rows<'_> {
    /// The next piece; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Piece>, String> {
        let chdb = self.started.chdb;
        // SAFETY: the connection is borrowed, so it is open and runs nothing else; the statement was started on it.
        let result = unsafe { (chdb.functions.stream_fetch_result)(self.connection, self.started.result) };
        let piece = Piece { chdb, result }.checked().inspect_err(|_| self.ended = true)?;
        self.ended = piece.bytes().is_empty();
        Ok((!self.ended).then_some(piece))
    }
}

impl Drop for Rows<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // SAFETY: as in `next`; the statement's handle is given back after this, by `Piece`.
            unsafe {
                (self.started.chdb.functions.stream_cancel_query)(self.connection, self.started.result);
            }
        }
    }
}

/// An INSERT under way; dropping it before `finish` cancels it.
pub(crate) struct Insert<'c> {
    chdb: &'static Chdb,
    /// Never null, says `chdb.h`.
    stream: Handle,
    borrows: PhantomData<&'c mut Connection>,
}

impl Insert<'_> {
    fn error(&self) -> Option<String> {
        // SAFETY: the stream lives as long as `self`, and the text as long as the stream.
        unsafe { text((self.chdb.functions.stream_insert_error)(self.stream)) }
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), String> {
        // SAFETY: the stream is open; the library copies the bytes before it returns.
        let state =
            unsafe { (self.chdb.functions.stream_append)(self.stream, bytes.as_ptr().cast(), bytes.len()) };
        if state == 0 {
            return Ok(());
        }
        Err(self.error().unwrap_or_else(|| "the engine took no more data and does not say why".to_owned()))
    }

    pub(crate) fn finish(self) -> Result<Counts, String> {
        // SAFETY: the stream is open; what comes back is a result of ours.
        let result = unsafe { (self.chdb.functions.stream_done)(self.stream) };
        Ok(Piece { chdb: self.chdb, result }.checked()?.counts())
    }
}

impl Drop for Insert<'_> {
    fn drop(&mut self) {
        // SAFETY: given to us by the library, given back once; it cancels by itself what was not finished.
        unsafe { (self.chdb.functions.destroy_insert_stream)(self.stream) };
    }
}
