//! Running one request on a thread of the engine: connection, settings, statement, result.

use std::path::PathBuf;
use std::time::Duration;

use axum::body::Bytes;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::compressed;
use crate::exception::Exception;
use crate::ffi::{Chdb, Class, Connection, Counts, Statement};
use crate::limits::{INSERT_PIECE_BYTES, UNREAD_SECONDS_MAX, WHOLE_RESULT_BYTES_MAX};
use crate::pieces::{Beginning, beginning};
use crate::request::{Request, identifier, literal};
use crate::sessions::Sessions;
use crate::spool::Spool;

/// The format of results when neither the statement nor the request names one.
const FORMAT: &str = "TabSeparated";

/// What the engine's threads share.
pub(crate) struct Shared {
    pub(crate) chdb: &'static Chdb,
    pub(crate) folder: PathBuf,
    pub(crate) sessions: Sessions,
    /// Where pieces of results are waited for.
    pub(crate) runtime: Handle,
}

/// What to run.
pub(crate) enum Task {
    Insert { head: String, format: String, data: Spool },
    Query { sql: String, format: Option<String>, selects: bool },
}

/// A request on its way to a thread of the engine.
pub(crate) struct Work {
    pub(crate) request: Request,
    pub(crate) task: Task,
    pub(crate) answer: Answer,
}

/// What is known of a result before its first byte.
pub(crate) struct Head {
    pub(crate) format: String,
    pub(crate) counts: Counts,
}

/// The way back to the client.
pub(crate) struct Answer {
    pub(crate) head: Option<oneshot::Sender<Result<Head, Exception>>>,
    pub(crate) pieces: mpsc::Sender<Bytes>,
    /// Marks an error that comes when the result has begun.
    pub(crate) tag: String,
    pub(crate) version: String,
}

/// The client does not read on.
struct Gone;

pub(crate) fn run(shared: &Shared, work: Work) {
    let Work { request, task, mut answer } = work;
    if let Err(exception) = serve(shared, &request, task, &mut answer) {
        answer.fail(shared, &request, exception);
    }
}

fn serve(shared: &Shared, request: &Request, task: Task, answer: &mut Answer) -> Result<(), Exception> {
    let connect = || {
        let connection = shared.chdb.connect(&shared.folder);
        connection.ok_or_else(|| Exception::of_engine("the engine opens no connection"))
    };
    let Some(name) = &request.session else {
        return on_connection(shared, request, task, answer, &mut connect()?);
    };
    if request.read_only {
        let what = "Cannot use GET in a session: send the statement by POST";
        return Err(Exception::new(164, "READONLY", what));
    }
    let mut connection = shared.sessions.take(name, request, connect)?;
    let undo = what_undoes(&mut connection, request);
    let served = match &undo {
        Ok(_) => on_connection(shared, request, task, answer, &mut connection),
        Err(exception) => Err(exception.clone()),
    };
    // What came with the request holds for the request only.
    let undone = undo.and_then(|undo| undo.iter().try_for_each(|sql| run_silently(&mut connection, sql)));
    let kept = undone.inspect_err(|error| tracing::warn!("session {name} ends: {}", error.text)).is_ok();
    shared.sessions.give_back(name, kept.then_some(connection), request.idle());
    served
}

fn on_connection(
    shared: &Shared,
    request: &Request,
    task: Task,
    answer: &mut Answer,
    connection: &mut Connection,
) -> Result<(), Exception> {
    let class = match &task {
        Task::Insert { .. } => Class::Writes,
        Task::Query { sql, .. } => connection.classify(sql),
    };
    if request.read_only && class == Class::Writes {
        let what = "Cannot execute query in readonly mode: GET reads only, send it by POST";
        return Err(Exception::new(164, "READONLY", what));
    }
    let (sql, format, selects) = match task {
        Task::Insert { head, format, data } => {
            prepare(connection, request, false)?;
            return insert(shared, request, answer, connection, &head, &format, data);
        }
        Task::Query { sql, format, selects } => (sql, format, selects),
    };
    let format = format.as_deref().or(request.default_format.as_deref()).unwrap_or(FORMAT);
    let statement = Statement { sql: &sql, format, params: &request.params };
    let beginning = beginning(format).filter(|_| !whole_result(request, &sql));
    let beginning = match class {
        // What is unknown must at least be a SELECT: nothing else can be had piece by piece.
        Class::Unknown if request.read_only => Some(beginning.unwrap_or(Beginning::None)),
        Class::ReadsOnly if selects => beginning,
        _ => None,
    };
    prepare(connection, request, selects && beginning.is_none())?;
    match beginning {
        Some(beginning) => stream(shared, request, answer, connection, statement, beginning),
        None => send_whole(shared, request, answer, connection, statement),
    }
}

/// Whether the result must be complete before it is sent, whatever its format.
fn whole_result(request: &Request, sql: &str) -> bool {
    // This setting puts a frame around a format that has none.
    const FRAME: &str = "output_format_json_array_of_rows";
    request.whole || sql.contains(FRAME) || request.settings.iter().any(|(name, _)| name == FRAME)
}

/// Runs what has to run before the statement.
fn prepare(connection: &mut Connection, request: &Request, limited: bool) -> Result<(), Exception> {
    let mut sql: Vec<String> =
        request.database.iter().map(|name| format!("USE {}", identifier(name))).collect();
    let mut settings = request.settings.clone();
    if limited {
        let asked = settings.iter().find(|(name, _)| name == "max_result_bytes");
        let asked = asked.and_then(|(_, value)| value.parse().ok()).filter(|bytes| *bytes > 0);
        let bytes = asked.unwrap_or(WHOLE_RESULT_BYTES_MAX).min(WHOLE_RESULT_BYTES_MAX);
        settings.push(("max_result_bytes".to_owned(), bytes.to_string()));
        if asked.is_none() {
            settings.push(("result_overflow_mode".to_owned(), "throw".to_owned()));
        }
    }
    let assignments: Vec<String> =
        settings.iter().map(|(name, value)| format!("{name} = {}", literal(value))).collect();
    if !assignments.is_empty() {
        sql.push(format!("SET {}", assignments.join(", ")));
    }
    if request.read_only {
        // As a server does for GET: settings may still be changed, this one excepted.
        sql.push("SET readonly = 2".to_owned());
    }
    sql.iter().try_for_each(|sql| run_silently(connection, sql))
}

/// What brings a session's connection back to how it is.
fn what_undoes(connection: &mut Connection, request: &Request) -> Result<Vec<String>, Exception> {
    let own = ["max_result_bytes", "result_overflow_mode"].map(str::to_owned);
    let names = request.settings.iter().map(|(name, _)| name).chain(&own);
    let names: Vec<String> = names.map(|name| literal(name)).collect();
    let sql =
        format!("SELECT name, value, changed FROM system.settings WHERE name IN ({})", names.join(", "));
    let settings = rows::<(String, String, u8)>(connection, &sql)?;
    let settings = settings.iter().map(|(name, value, changed)| match changed {
        0 => format!("SET {name} = DEFAULT"),
        _ => format!("SET {name} = {}", literal(value)),
    });
    let databases = rows::<[String; 1]>(connection, "SELECT currentDatabase()")?;
    let databases = databases.iter().map(|[name]| format!("USE {}", identifier(name)));
    Ok(settings.chain(databases).collect())
}

/// The rows of a small result.
fn rows<R: DeserializeOwned>(connection: &mut Connection, sql: &str) -> Result<Vec<R>, Exception> {
    let statement = Statement { sql, format: "JSONCompactEachRow", params: &[] };
    let result = connection.query(statement).map_err(|error| Exception::of_engine(&error))?;
    let rows = serde_json::Deserializer::from_slice(result.bytes()).into_iter();
    rows.map(|row| row.map_err(|error| Exception::of_engine(&error.to_string()))).collect()
}

fn run_silently(connection: &mut Connection, sql: &str) -> Result<(), Exception> {
    let statement = Statement { sql, format: FORMAT, params: &[] };
    connection.query(statement).map(drop).map_err(|error| Exception::of_engine(&error))
}

fn insert(
    shared: &Shared,
    request: &Request,
    answer: &mut Answer,
    connection: &mut Connection,
    head: &str,
    format: &str,
    data: Spool,
) -> Result<(), Exception> {
    let statement = Statement { sql: head, format, params: &request.params };
    let mut insert = connection.insert(statement).map_err(|error| Exception::of_engine(&error))?;
    let mut failed = false;
    let fed = data.read(|piece| {
        failed = true;
        insert.append(piece).map_err(|error| Exception::of_engine(&error))?;
        failed = false;
        Ok(())
    });
    // When the engine took no more data, its last word says why better than its first.
    let counts = match (fed, failed) {
        (Err(exception), false) => return Err(exception),
        (Err(exception), true) => {
            return Err(insert.finish().map_or_else(|error| Exception::of_engine(&error), |_| exception));
        }
        (Ok(()), _) => insert.finish().map_err(|error| Exception::of_engine(&error))?,
    };
    answer.begin(Head { format: FORMAT.to_owned(), counts });
    drop(answer.send(shared, request, &[]));
    Ok(())
}

fn send_whole(
    shared: &Shared,
    request: &Request,
    answer: &mut Answer,
    connection: &mut Connection,
    statement: Statement<'_>,
) -> Result<(), Exception> {
    let result = connection.query(statement).map_err(|error| Exception::of_engine(&error))?;
    answer.begin(Head { format: statement.format.to_owned(), counts: result.counts() });
    for piece in result.bytes().chunks(INSERT_PIECE_BYTES) {
        if answer.send(shared, request, piece).is_err() {
            break;
        }
    }
    Ok(())
}

fn stream(
    shared: &Shared,
    request: &Request,
    answer: &mut Answer,
    connection: &mut Connection,
    statement: Statement<'_>,
    beginning: Beginning,
) -> Result<(), Exception> {
    let mut rows = connection.rows(statement).map_err(|error| Exception::of_engine(&error))?;
    let next = |rows: &mut crate::ffi::Rows<'_>| rows.next().map_err(|error| Exception::of_engine(&error));
    let first = next(&mut rows)?;
    let counts = first.as_ref().map(|piece| piece.counts()).unwrap_or_default();
    answer.begin(Head { format: statement.format.to_owned(), counts });
    let Some(first) = first else { return Ok(()) };
    let length = beginning.length(first.bytes());
    let names = first.bytes().get(..length).unwrap_or_default().to_vec();
    if answer.send(shared, request, first.bytes()).is_err() {
        return Ok(());
    }
    while let Some(piece) = next(&mut rows)? {
        let all = piece.bytes();
        let rows_only = all.strip_prefix(names.as_slice()).unwrap_or(all);
        if answer.send(shared, request, rows_only).is_err() {
            break;
        }
    }
    Ok(())
}

impl Answer {
    /// From here on the status is success.
    fn begin(&mut self, head: Head) {
        if let Some(sender) = self.head.take() {
            // Who hung up wants no head.
            drop(sender.send(Ok(head)));
        }
    }

    fn send(&self, shared: &Shared, request: &Request, piece: &[u8]) -> Result<(), Gone> {
        if piece.is_empty() {
            return Ok(());
        }
        let piece = if request.compress {
            Bytes::from(compressed::encode(piece))
        } else {
            Bytes::copy_from_slice(piece)
        };
        let sent = async {
            tokio::time::timeout(Duration::from_secs(UNREAD_SECONDS_MAX), self.pieces.send(piece)).await
        };
        match shared.runtime.block_on(sent) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    /// States an error: by the status, or behind what was sent already, in the form clients look for.
    fn fail(&mut self, shared: &Shared, request: &Request, exception: Exception) {
        match self.head.take() {
            Some(sender) => drop(sender.send(Err(exception))),
            None => {
                let text = exception.stated(&self.version);
                let tag = &self.tag;
                let marked =
                    format!("\r\n__exception__\r\n{tag}\r\n{text}{} {tag}\r\n__exception__\r\n", text.len());
                drop(self.send(shared, request, marked.as_bytes()));
            }
        }
    }
}
