//! Sessions: connections that clients come back to by a name of theirs, for temporary tables and settings.
//!
//! A session is used by one request at a time; another one is told that it is locked, as a server does.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::exception::Exception;
use crate::ffi::Connection;
use crate::limits::SESSIONS_MAX;
use crate::request::Request;

enum Session {
    InUse,
    Idle { connection: Connection, until: Instant },
}

#[derive(Default)]
pub(crate) struct Sessions {
    by_name: Mutex<HashMap<String, Session>>,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        // The map is whole between any two statements of this file.
        let mut sessions = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        sessions.retain(|_, session| !matches!(session, Session::Idle { until, .. } if *until <= now));
        sessions
    }

    /// Takes the connection of a session, which is a new one for a new session.
    pub(crate) fn take(
        &self,
        name: &str,
        request: &Request,
        connect: impl FnOnce() -> Result<Connection, Exception>,
    ) -> Result<Connection, Exception> {
        let mut sessions = self.lock();
        match sessions.insert(name.to_owned(), Session::InUse) {
            Some(Session::Idle { connection, .. }) => Ok(connection),
            Some(Session::InUse) => {
                let what = format!("Session '{name}' is locked by a concurrent client");
                Err(Exception::new(373, "SESSION_IS_LOCKED", &what))
            }
            None => {
                let refused = if request.session_must_exist {
                    Some(Exception::new(372, "SESSION_NOT_FOUND", &format!("Session '{name}' not found")))
                } else {
                    (sessions.len() > SESSIONS_MAX)
                        .then(|| Exception::busy(&format!("There are {SESSIONS_MAX} sessions already")))
                };
                let taken = refused.map_or_else(connect, Err);
                if taken.is_err() {
                    sessions.remove(name);
                }
                taken
            }
        }
    }

    /// Gives the connection back, or ends the session when there is none to give.
    pub(crate) fn give_back(&self, name: &str, connection: Option<Connection>, idle: Duration) {
        let mut sessions = self.lock();
        match connection {
            Some(connection) => {
                let until = Instant::now() + idle;
                sessions.insert(name.to_owned(), Session::Idle { connection, until });
            }
            None => {
                sessions.remove(name);
            }
        }
    }
}
