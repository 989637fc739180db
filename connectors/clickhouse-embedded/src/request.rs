//! What a request asks for: its URL, headers and form, read as a server reads them. Pure.

use std::time::Duration;

use axum::http::HeaderMap;

use crate::exception::Exception;
use crate::limits::{SESSION_IDLE_SECONDS, SESSION_IDLE_SECONDS_MAX};

/// A statement's circumstances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Request {
    /// The statement, or its beginning; the body follows it.
    pub(crate) query: String,
    pub(crate) database: Option<String>,
    pub(crate) default_format: Option<String>,
    pub(crate) settings: Vec<(String, String)>,
    /// Values of `{name:Type}`.
    pub(crate) params: Vec<(String, String)>,
    pub(crate) session: Option<String>,
    pub(crate) session_idle: Option<Duration>,
    pub(crate) session_must_exist: bool,
    pub(crate) query_id: Option<String>,
    /// The body is compressed by the client.
    pub(crate) decompress: bool,
    /// The result is to be compressed.
    pub(crate) compress: bool,
    /// The result is to be complete before the first byte is sent.
    pub(crate) whole: bool,
    /// Nothing may be changed.
    pub(crate) read_only: bool,
}

impl Request {
    /// Reads the query string and the headers that mean the same.
    pub(crate) fn read(query_string: &str, headers: &HeaderMap) -> Result<Self, Exception> {
        let mut request = Self::default();
        for (header, name) in
            [("x-clickhouse-database", "database"), ("x-clickhouse-format", "default_format")]
        {
            if let Some(value) = headers.get(header).and_then(|value| value.to_str().ok()) {
                request.take(name, value)?;
            }
        }
        for (name, value) in form_urlencoded::parse(query_string.as_bytes()) {
            request.take(&name, &value)?;
        }
        Ok(request)
    }

    /// Takes one parameter, of the query string or of a form.
    pub(crate) fn take(&mut self, name: &str, value: &str) -> Result<(), Exception> {
        let text = || (!value.is_empty()).then(|| value.to_owned());
        let flag = || value == "1" || value.eq_ignore_ascii_case("true");
        match name {
            "query" => value.clone_into(&mut self.query),
            "database" => self.database = text(),
            "default_format" => self.default_format = text(),
            "session_id" => self.session = text(),
            "session_timeout" => self.session_idle = Some(idle(value)?),
            "session_check" => self.session_must_exist = flag(),
            "query_id" => self.query_id = text(),
            "decompress" => self.decompress = flag(),
            "compress" => self.compress = flag(),
            "wait_end_of_query" => self.whole = flag(),
            // There are no users, roles and quotas here, and a result's buffer is what `limits` says.
            "user"
            | "password"
            | "quota_key"
            | "role"
            | "buffer_size"
            | "close_session"
            | "stacktrace"
            | "client_protocol_version" => {}
            _ => match name.strip_prefix("param_") {
                Some(param) => self.params.push((param.to_owned(), value.to_owned())),
                None if is_setting(name) => self.settings.push((name.to_owned(), value.to_owned())),
                None => {
                    let what = format!("Unknown setting '{name}'");
                    return Err(Exception::new(115, "UNKNOWN_SETTING", &what));
                }
            },
        }
        Ok(())
    }

    /// How long the session is kept unused.
    pub(crate) fn idle(&self) -> Duration {
        self.session_idle.unwrap_or(Duration::from_secs(SESSION_IDLE_SECONDS))
    }
}

/// Whether a name can be one of a setting; the engine knows which there are.
fn is_setting(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn idle(value: &str) -> Result<Duration, Exception> {
    let seconds = value.parse().ok().filter(|seconds| *seconds <= SESSION_IDLE_SECONDS_MAX);
    let what = format!("Invalid session timeout: '{value}'; the most is {SESSION_IDLE_SECONDS_MAX} seconds");
    seconds.map(Duration::from_secs).ok_or_else(|| Exception::new(374, "INVALID_SESSION_TIMEOUT", &what))
}

/// `text` as a string literal.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// `name` as an identifier.
pub(crate) fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_settings_are_told_apart() {
        let text = "query=SELECT+%7Bx%3AInt8%7D&param_x=1&database=d&max_threads=2&user=u&wait_end_of_query=1&session_timeout=5";
        let request = Request::read(text, &HeaderMap::new()).unwrap();
        let expected = Request {
            query: "SELECT {x:Int8}".to_owned(),
            database: Some("d".to_owned()),
            params: vec![("x".to_owned(), "1".to_owned())],
            settings: vec![("max_threads".to_owned(), "2".to_owned())],
            session_idle: Some(Duration::from_secs(5)),
            whole: true,
            ..Request::default()
        };
        assert_eq!(request, expected);
    }

    #[test]
    fn bad_names_and_times_are_refused() {
        for (text, code) in [("a%3D1%2C+b=2", 115), ("session_timeout=x", 374), ("session_timeout=9999", 374)]
        {
            assert_eq!(Request::read(text, &HeaderMap::new()).unwrap_err().code, code, "{text}");
        }
    }

    #[test]
    fn quotes_stay_inside() {
        assert_eq!(literal("a'b\\"), r"'a\'b\\'");
        assert_eq!(identifier("a`b"), r"`a\`b`");
    }
}
