//! The engine as a whole: one a process, its folder, its threads, its port.

use std::fs::{self, File, TryLockError};
use std::mem;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, oneshot};

use crate::EngineError;
use crate::fetch::fetch;
use crate::ffi::{Chdb, Connection, Statement, at_exit};
use crate::http::{Front, router};
use crate::limits::{REQUESTS_MAX, STATEMENTS_AT_ONCE_MAX, STOP_WAIT};
use crate::run::{Shared, Work, run};
use crate::sessions::Sessions;
use crate::spool::Room;

/// How an engine is started.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// Where the data are kept; created if it is not there.
    pub folder: PathBuf,
    /// The port on 127.0.0.1; 0 for any free one.
    pub port: u16,
    /// Where the library is kept, instead of the user's cache folder.
    pub cache: Option<PathBuf>,
    /// The library itself, if it is not to be fetched.
    pub library: Option<PathBuf>,
}

/// A ClickHouse engine in this process, behind the HTTP protocol of a ClickHouse server on 127.0.0.1.
///
/// There is one a process at a time. Dropping it stops it, as [`Engine::stop`] does; so does the exit of the process.
#[derive(Debug)]
pub struct Engine {
    url: String,
    version: String,
    stopped: bool,
}

/// What a stop takes apart.
struct Parts {
    /// When dropped, the front answers nobody new.
    stop: oneshot::Sender<()>,
    /// When dropped, it hangs up.
    hang_up: oneshot::Sender<()>,
    front: JoinHandle<()>,
    /// Disconnected when all threads, the front's included, have ended.
    ended: Receiver<()>,
    /// Keeps the engine up while there are no requests, and cancels what does not end.
    keeper: Connection,
    folder_lock: File,
}

/// What of an engine there can be once a process only.
struct Process {
    library: Option<&'static Chdb>,
    state: State,
}

enum State {
    Free,
    Starting,
    Running(Parts),
    /// It is being stopped, or it could not be.
    Stopping,
}

impl State {
    /// What runs, and it is being stopped from now on; anything else stays as it is.
    fn take_running(&mut self) -> Option<Parts> {
        match mem::replace(self, Self::Stopping) {
            Self::Running(parts) => Some(parts),
            other => {
                *self = other;
                None
            }
        }
    }
}

/// Statements run by this process.
static STATEMENTS: AtomicU64 = AtomicU64::new(0);

static PROCESS: Mutex<Process> = Mutex::new(Process { library: None, state: State::Free });

fn process() -> MutexGuard<'static, Process> {
    PROCESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the engine before the library's global objects go: its threads would use them still.
extern "C" fn stop_at_exit() {
    if let Err(error) = stop() {
        tracing::warn!("{error}");
        return;
    }
    let library = process().library;
    if library.is_some_and(|library| !library.shut_down()) {
        tracing::debug!("some threads of the ClickHouse engine run on");
    }
}

/// Stops the engine of this process, if it runs.
fn stop() -> Result<(), EngineError> {
    let Some(parts) = process().state.take_running() else { return Ok(()) };
    // Stopping takes its time, and the lock is not held meanwhile: whoever comes sees that it is being stopped.
    parts.stop()?;
    process().state = State::Free;
    Ok(())
}

impl Engine {
    /// Starts the engine; returns when it answers. The library is fetched if it is not there yet; to show progress, call
    /// [`fetch`] before.
    ///
    /// # Errors
    /// When the library cannot be had, the folder or the port is taken or not ours, or this process has an engine.
    pub fn start(options: &EngineOptions) -> Result<Self, EngineError> {
        match &mut process().state {
            state @ State::Free => *state = State::Starting,
            State::Starting | State::Running(_) | State::Stopping => return Err(EngineError::AlreadyRunning),
        }
        let started = start(options);
        let (engine, state) = match started {
            Ok((engine, parts)) => (Ok(engine), State::Running(parts)),
            Err(error) => (Err(error), State::Free),
        };
        process().state = state;
        engine
    }

    /// Where it answers: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The version of ClickHouse it is.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Answers nobody new, lets statements under way end, cancels those that take longer than
    /// [`STOP_WAIT`], and closes the folder. Another engine may then be started.
    ///
    /// # Errors
    /// When a statement ends not even then; the engine keeps its folder until the process ends.
    pub fn stop(mut self) -> Result<(), EngineError> {
        self.stopped = true;
        stop()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // When `stop` was called, the engine that runs now is another one.
        if !self.stopped
            && let Err(error) = stop()
        {
            tracing::warn!("{error}");
        }
    }
}

impl Parts {
    fn stop(self) -> Result<(), EngineError> {
        let Self { stop, hang_up, front, ended, mut keeper, folder_lock } = self;
        drop(stop);
        if ended.recv_timeout(STOP_WAIT) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("statements are still under way: they are cancelled");
            if let Err(error) = ask(&mut keeper, "KILL QUERY WHERE 1 ASYNC") {
                tracing::warn!("{error}");
            }
            drop(hang_up);
            if ended.recv_timeout(STOP_WAIT) == Err(RecvTimeoutError::Timeout) {
                // Closing the folder under a statement would be the end of the process.
                mem::forget((keeper, folder_lock));
                return Err(EngineError::StillRunning);
            }
        }
        if front.join().is_err() {
            tracing::warn!("the thread of the ClickHouse front panicked");
        }
        // The folder is closed before another engine may have it.
        drop(keeper);
        drop(folder_lock);
        Ok(())
    }
}

fn start(options: &EngineOptions) -> Result<(Engine, Parts), EngineError> {
    let chdb = library(options)?;
    let folder = &options.folder;
    fs::create_dir_all(folder).map_err(EngineError::file("create", folder))?;
    let folder = &folder.canonicalize().map_err(EngineError::file("find", folder))?;
    let folder_lock = lock(folder)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port));
    let refused = |source| EngineError::Listen { port: options.port, source };
    let listener = listener.map_err(refused)?;
    listener.set_nonblocking(true).map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let mut keeper = chdb.connect(folder).ok_or_else(|| EngineError::Open { folder: folder.to_owned() })?;
    let version = ask(&mut keeper, "SELECT version()")?;
    let timezone = ask(&mut keeper, "SELECT timezone()")?;
    at_exit(stop_at_exit);
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(EngineError::file("start a runtime for", folder))?;

    let (works, work) = bounded(REQUESTS_MAX);
    let (ending, ended) = bounded(0);
    let shared = Arc::new(Shared {
        chdb,
        folder: folder.to_owned(),
        sessions: Sessions::default(),
        runtime: runtime.handle().clone(),
    });
    for _ in 0..STATEMENTS_AT_ONCE_MAX {
        start_thread(Arc::clone(&shared), work.clone(), ending.clone());
    }
    let front = Front {
        works,
        permits: Arc::new(Semaphore::new(REQUESTS_MAX)),
        spool_folder: folder.to_owned(),
        room: Room::default(),
        version: version.clone(),
        timezone,
    };
    let (stop, stopped) = oneshot::channel();
    let (hang_up, hung_up) = oneshot::channel();
    let front = thread::spawn(move || answer(runtime, listener, front, stopped, hung_up, ending));
    let parts = Parts { stop, hang_up, front, ended, keeper, folder_lock };
    tracing::info!("ClickHouse {version} in {} answers on http://{address}", folder.display());
    Ok((Engine { url: format!("http://{address}"), version, stopped: false }, parts))
}

fn library(options: &EngineOptions) -> Result<&'static Chdb, EngineError> {
    if let Some(library) = process().library {
        return Ok(library);
    }
    let path = match &options.library {
        Some(path) => path.clone(),
        None => fetch(options.cache.as_deref(), &mut |_| {})?,
    };
    let library: &'static Chdb = Box::leak(Box::new(Chdb::load(&path)?));
    process().library = Some(library);
    Ok(library)
}

/// One process a folder; the engine would refuse too, but on standard error only.
fn lock(folder: &Path) -> Result<File, EngineError> {
    let path = folder.join("in-use.lock");
    let file = File::create(&path).map_err(EngineError::file("create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(EngineError::FolderInUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(EngineError::file("lock", &path)(source)),
    }
}

fn ask(connection: &mut Connection, sql: &str) -> Result<String, EngineError> {
    let answer = connection.query(Statement { sql, format: "TabSeparated", params: &[] });
    let answer = answer.map_err(|detail| EngineError::NoAnswer { detail })?;
    Ok(String::from_utf8_lossy(answer.bytes()).trim().to_owned())
}

/// A thread that runs statements until there can be no more. It holds `_ending` as long.
fn start_thread(shared: Arc<Shared>, works: Receiver<Work>, _ending: Sender<()>) {
    thread::spawn(move || {
        for work in works {
            run(&shared, work);
            // The engine makes global objects when it first needs them, and takes them down at exit, the youngest first,
            // though its threads use them still. So our handler has to be younger than they are.
            if (STATEMENTS.fetch_add(1, Ordering::Relaxed) + 1).is_power_of_two() {
                at_exit(stop_at_exit);
            }
        }
        drop(shared);
        drop(_ending);
    });
}

/// The front's thread.
fn answer(
    runtime: Runtime,
    listener: TcpListener,
    front: Front,
    stopped: oneshot::Receiver<()>,
    hung_up: oneshot::Receiver<()>,
    _ending: Sender<()>,
) {
    let served = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let serving = axum::serve(listener, router(front)).with_graceful_shutdown(async {
            // Nothing is ever sent: the other end is dropped.
            stopped.await.unwrap_or_default();
        });
        tokio::select! {
            served = serving => served,
            _ = hung_up => Ok(()),
        }
    });
    if let Err(error) = served {
        tracing::error!("the ClickHouse front ended: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An engine that is being started, or stopped by somebody else, stays so, however many stop it at once.
    #[test]
    fn only_what_runs_is_stopped() {
        for starting in [false, true] {
            process().state = if starting { State::Starting } else { State::Free };
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| (0..20_000).for_each(|_| stop().unwrap()));
                }
            });
            let stands = mem::replace(&mut process().state, State::Free);
            let is_as_it_was =
                if starting { matches!(stands, State::Starting) } else { matches!(stands, State::Free) };
            assert!(is_as_it_was, "starting: {starting}");
        }
    }
}
