//! DynamoDB in this process: dynoxide, in memory, behind its own HTTP server on loopback.
//!
//! Promised: spoken to by the same client as AWS; ends when dropped. Not promised: throttling, durability, and DynamoDB's
//! behaviour when many write at once.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use dynoxide::Database;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::limits::LOCAL_THREADS;
use crate::{TableOptions, TablesError};

/// DynamoDB in this process.
pub struct Local {
    address: SocketAddr,
    database: Database,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Local {
    /// Starts one without tables on a free port of 127.0.0.1.
    pub fn start() -> Result<Self, TablesError> {
        let database = Database::memory().map_err(failed)?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let (started, starts) = mpsc::channel();
        let served = database.clone();
        // A thread and a runtime of its own: it may be started and dropped from anywhere, and answers whoever blocks.
        let thread = thread::Builder::new()
            .name("dynoxide".to_owned())
            .spawn(move || {
                let ended = serve(listener, served, &started, stopped);
                if let Err(error) = ended
                    && started.send(Err(error)).is_err()
                {
                    tracing::error!("DynamoDB in this process was not waited for");
                }
            })
            .map_err(failed)?;
        match starts.recv() {
            Ok(Ok(())) => Ok(Self { address, database, stop: Some(stop), thread: Some(thread) }),
            Ok(Err(error)) => Err(error),
            Err(error) => Err(failed(error)),
        }
    }

    /// Where clients connect.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Options for a client of it.
    pub fn options(&self) -> TableOptions {
        TableOptions::local(self.endpoint())
    }

    /// Removes what has expired, which DynamoDB does by itself within days. Says how many items went.
    pub fn expire(&self) -> Result<usize, TablesError> {
        self.database.sweep_ttl().map_err(failed)
    }
}

fn serve(
    listener: std::net::TcpListener,
    database: Database,
    started: &mpsc::Sender<Result<(), TablesError>>,
    stopped: oneshot::Receiver<()>,
) -> Result<(), TablesError> {
    // One request is read and another answered while a third is in the database, which takes one at a time.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(LOCAL_THREADS)
        .thread_name("dynoxide")
        .enable_all()
        .build()
        .map_err(failed)?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).map_err(failed)?;
        let serving = dynoxide::server::serve_with_shutdown(listener, database, std::future::pending());
        let server = tokio::spawn(serving);
        started.send(Ok(())).map_err(failed)?;
        // Told to end, or left by its owner: either way it ends, with whatever requests are under way.
        if stopped.await.is_err() {
            tracing::debug!("DynamoDB in this process ends with its owner");
        }
        server.abort();
        Ok(())
    })
}

fn failed(error: impl fmt::Display) -> TablesError {
    TablesError::Local(error.to_string())
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("DynamoDB in this process panicked");
        }
    }
}
