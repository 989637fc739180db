//! The HTTP interface of a ClickHouse server: reads requests, hands them to the engine's threads, states results and errors.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request as HttpRequest, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use crossbeam_channel::Sender;
use futures_util::{StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::compressed::Decoder;
use crate::exception::Exception;
use crate::ffi::Counts;
use crate::limits::{FORM_BYTES_MAX, PIECES_WAITING_MAX, REQUESTS_MAX, STATEMENT_BYTES_MAX};
use crate::request::Request;
use crate::run::{Answer, Head, Task, Work};
use crate::spool::{Room, Spool};
use crate::statement::{Shape, shape};

/// What every request needs.
pub(crate) struct Front {
    pub(crate) works: Sender<Work>,
    pub(crate) permits: Arc<Semaphore>,
    /// Where the data of large INSERTs wait.
    pub(crate) spool_folder: PathBuf,
    /// The memory they have.
    pub(crate) room: Room,
    pub(crate) version: String,
    pub(crate) timezone: String,
}

pub(crate) fn router(front: Front) -> Router {
    Router::new().fallback(answer).layer(DefaultBodyLimit::max(FORM_BYTES_MAX)).with_state(Arc::new(front))
}

async fn answer(State(front): State<Arc<Front>>, request: HttpRequest) -> Response {
    if !is_local(request.headers()) {
        return (
            StatusCode::FORBIDDEN,
            "This server answers local programs only, no web pages of other hosts.\n",
        )
            .into_response();
    }
    match request.uri().path() {
        "/ping" | "/replicas_status" => "Ok.\n".into_response(),
        "/" => front.statement(request).await.unwrap_or_else(|exception| front.refuse(&exception)),
        path => {
            let text = format!("There is no handle {path}\n\nUse / or /ping.\n");
            (StatusCode::NOT_FOUND, text).into_response()
        }
    }
}

/// Any web page can make a browser send requests to this machine. Then Origin names the page's host, or Host is not ours.
fn is_local(headers: &HeaderMap) -> bool {
    let of = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let local = |host: &str| {
        let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        ["127.0.0.1", "localhost", "[::1]"].contains(&name.map_or(host, |(name, _)| name))
    };
    let origin =
        of(ORIGIN).is_none_or(|origin| origin.split_once("://").is_some_and(|(_, host)| local(host)));
    origin && of(HOST).is_none_or(local)
}

impl Front {
    async fn statement(&self, http: HttpRequest) -> Result<Response, Exception> {
        let busy = |_| Exception::busy(&format!("There are {REQUESTS_MAX} requests under way already"));
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(busy)?;
        let mut request = Request::read(http.uri().query().unwrap_or_default(), http.headers())?;
        request.read_only = match *http.method() {
            Method::GET => true,
            Method::POST => false,
            _ => return Err(Exception::new(48, "NOT_IMPLEMENTED", "Only GET and POST are answered")),
        };
        if let Some(encoding) = http.headers().get(CONTENT_ENCODING) {
            let what = format!(
                "Unknown compression method {encoding:?} of the body; send it as it is, or with decompress=1 in blocks of LZ4"
            );
            return Err(Exception::new(89, "UNKNOWN_COMPRESSION_METHOD", &what));
        }
        let form = http
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/form-data"));
        let body = if form {
            read_form(&mut request, http).await?;
            Incoming::new(Body::empty(), false)
        } else {
            Incoming::new(http.into_body(), request.decompress)
        };
        let Some(task) = self.read_task(&request.query, body).await? else {
            return Ok("Ok.\n".into_response());
        };
        self.run(request, task, permit).await
    }

    /// The statement, with its data if it has some; none if there is no statement.
    async fn read_task(&self, query: &str, mut body: Incoming) -> Result<Option<Task>, Exception> {
        let mut text = query.as_bytes().to_vec();
        if !text.is_empty() {
            text.push(b'\n');
        }
        let mut shape_found = shape(&text);
        let mut ended = false;
        if !matches!(shape_found, Shape::Insert { .. }) {
            while !ended && text.len() <= STATEMENT_BYTES_MAX {
                match body.next().await? {
                    Some(piece) => text.extend_from_slice(&piece),
                    None => ended = true,
                }
            }
            shape_found = shape(&text);
        }
        match shape_found {
            Shape::Insert { head, format, data_at } => {
                let mut data = Spool::new(self.spool_folder.clone(), self.room.clone());
                data.push(Bytes::from(text.split_off(data_at))).await?;
                while let Some(piece) = body.next().await? {
                    data.push(piece).await?;
                }
                Ok(Some(Task::Insert { head, format, data }))
            }
            Shape::Several => {
                let what = "Syntax error (Multi-statements are not allowed): send one statement a request";
                Err(Exception::new(62, "SYNTAX_ERROR", what))
            }
            Shape::Query { .. } if text.len() > STATEMENT_BYTES_MAX => {
                let what = format!("A statement has more than {STATEMENT_BYTES_MAX} bytes (max_query_size)");
                Err(Exception::new(62, "SYNTAX_ERROR", &what))
            }
            Shape::Query { format, selects } => {
                let invalid = |_| Exception::new(62, "SYNTAX_ERROR", "A statement is not UTF-8");
                let sql = String::from_utf8(text).map_err(invalid)?;
                Ok((!sql.trim().is_empty()).then_some(Task::Query { sql, format, selects }))
            }
        }
    }

    async fn run(
        &self,
        request: Request,
        task: Task,
        permit: OwnedSemaphorePermit,
    ) -> Result<Response, Exception> {
        let tag = new_tag()?;
        let (head_sender, head) = oneshot::channel();
        let (piece_sender, pieces) = mpsc::channel(PIECES_WAITING_MAX);
        let answer = Answer {
            head: Some(head_sender),
            pieces: piece_sender,
            tag: tag.clone(),
            version: self.version.clone(),
        };
        let query_id = request.query_id.clone();
        let busy = |_| Exception::busy("All threads of the engine are busy");
        self.works.try_send(Work { request, task, answer }).map_err(busy)?;
        let ended = |_| Exception::of_engine("the engine ended during the statement");
        let head = head.await.map_err(ended)??;
        let bytes = stream::unfold((pieces, permit), |(mut pieces, permit)| async {
            let piece: Bytes = pieces.recv().await?;
            Some((Ok::<_, std::convert::Infallible>(piece), (pieces, permit)))
        });
        let mut response = Response::new(Body::from_stream(bytes));
        self.describe(response.headers_mut(), &head, &tag, query_id.as_deref());
        Ok(response)
    }

    fn describe(&self, headers: &mut HeaderMap, head: &Head, tag: &str, query_id: Option<&str>) {
        let summary = summary(&head.counts);
        for (name, value) in [
            ("content-type", content_type(&head.format)),
            ("x-clickhouse-server-display-name", "embedded"),
            ("x-clickhouse-format", &head.format),
            ("x-clickhouse-timezone", &self.timezone),
            ("x-clickhouse-exception-tag", tag),
            ("x-clickhouse-summary", &summary),
            ("x-clickhouse-query-id", query_id.unwrap_or_default()),
        ] {
            if let Some(value) = HeaderValue::from_str(value).ok().filter(|value| !value.is_empty()) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }

    fn refuse(&self, exception: &Exception) -> Response {
        let status = StatusCode::from_u16(exception.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, exception.stated(&self.version)).into_response();
        response.headers_mut().insert("x-clickhouse-exception-code", HeaderValue::from(exception.code));
        response
    }
}

/// A body, unpacked if the client packed it.
struct Incoming {
    pieces: BodyDataStream,
    decoder: Option<Decoder>,
}

impl Incoming {
    fn new(body: Body, decompress: bool) -> Self {
        Self { pieces: body.into_data_stream(), decoder: decompress.then(Decoder::default) }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Exception> {
        let Some(piece) = self.pieces.next().await else {
            self.decoder.as_ref().map_or(Ok(()), Decoder::finish)?;
            return Ok(None);
        };
        let broken = |error| {
            let what = format!("The request's body broke off: {error}; nothing was inserted");
            Exception::new(33, "CANNOT_READ_ALL_DATA", &what)
        };
        let piece = piece.map_err(broken)?;
        match &mut self.decoder {
            None => Ok(Some(piece)),
            Some(decoder) => decoder.push(&piece).map(|data| Some(Bytes::from(data))),
        }
    }
}

/// Reads the statement and its parameters from a form.
async fn read_form(request: &mut Request, http: HttpRequest) -> Result<(), Exception> {
    let broken = |what: String| {
        Exception::new(
            36,
            "BAD_ARGUMENTS",
            &format!("Cannot read the form of at most {FORM_BYTES_MAX} bytes: {what}"),
        )
    };
    let mut form = Multipart::from_request(http, &()).await.map_err(|error| broken(error.body_text()))?;
    while let Some(field) = form.next_field().await.map_err(|error| broken(error.body_text()))? {
        let name = field.name().unwrap_or_default().to_owned();
        let value = field.text().await.map_err(|error| broken(error.body_text()))?;
        if name != "query" && !name.starts_with("param_") {
            return Err(broken(format!("it has a field '{name}', but external tables are not supported")));
        }
        request.take(&name, &value)?;
    }
    Ok(())
}

/// Sixteen letters that no result can be expected to hold.
fn new_tag() -> Result<String, Exception> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Exception::of_engine(&error.to_string()))?;
    Ok(bytes.iter().map(|byte| char::from(b'a' + byte % 26)).collect())
}

fn summary(counts: &Counts) -> String {
    let Counts { read_rows, read_bytes, written_rows, written_bytes, result_rows } = counts;
    format!(
        r#"{{"read_rows":"{read_rows}","read_bytes":"{read_bytes}","written_rows":"{written_rows}","written_bytes":"{written_bytes}","total_rows_to_read":"0","result_rows":"{result_rows}"}}"#
    )
}

fn content_type(format: &str) -> &'static str {
    match format {
        format if format.starts_with("JSONEachRow") => "application/x-ndjson; charset=UTF-8",
        format if format.starts_with("JSON") => "application/json; charset=UTF-8",
        format if format.starts_with("CSV") => "text/csv; charset=UTF-8; header=absent",
        format if format.starts_with("TabSeparated") || format.starts_with("TSV") => {
            "text/tab-separated-values; charset=UTF-8"
        }
        format
            if format.starts_with("Pretty")
                || format.starts_with("Vertical")
                || format.starts_with("Markdown") =>
        {
            "text/plain; charset=UTF-8"
        }
        format if format.starts_with("XML") => "application/xml; charset=UTF-8",
        _ => "application/octet-stream",
    }
}
