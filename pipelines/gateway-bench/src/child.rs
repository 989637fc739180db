//! The server's process, as the load sees it: it is told words on standard input and answers each by a line of JSON.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::error::{BenchError, io};
use crate::figures::Usage;
use crate::server::Kind;

/// How to start the server: a program and its arguments, to which [`Kind`] and a folder are added.
#[derive(Clone, Debug)]
pub struct ServerCommand {
    /// The program.
    pub program: PathBuf,
    /// What to say before the kind and the folder.
    pub arguments: Vec<String>,
}

/// What a server says when it listens.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) address: SocketAddr,
    /// May place orders for anybody, and open listings.
    pub(crate) key: String,
}

/// What a server can be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Word {
    /// Begin to decide.
    Decide,
    /// Stop deciding.
    Rest,
    /// Decide all there is.
    Settle,
    /// Say what was used.
    Usage,
}

impl Word {
    pub(crate) const ALL: [Self; 4] = [Self::Decide, Self::Rest, Self::Settle, Self::Usage];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Decide => "decide",
            Self::Rest => "rest",
            Self::Settle => "settle",
            Self::Usage => "usage",
        }
    }
}

/// A running server. It ends with us: nothing more comes on its standard input then.
pub(crate) struct Server {
    process: Child,
    words: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    pub(crate) hello: Hello,
    /// Where its log is; gone with it.
    folder: Option<TempDir>,
}

impl Server {
    pub(crate) fn start(command: &ServerCommand, kind: Kind) -> Result<Self, BenchError> {
        let folder = tempfile::tempdir().map_err(io("make a temporary folder"))?;
        let mut process = Command::new(&command.program)
            .args(&command.arguments)
            .arg(kind.name())
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(io("start the server's process"))?;
        let (words, answers) = (process.stdin.take(), process.stdout.take());
        let answers = answers.ok_or_else(|| BenchError::Wrong("the server has no output".to_owned()))?;
        let mut answers = BufReader::new(answers);
        let hello = line(&mut answers)?;
        Ok(Self { process, words, answers, hello, folder: Some(folder) })
    }

    /// Tells it a word, and waits until that is done.
    pub(crate) fn tell(&mut self, word: Word) -> Result<Usage, BenchError> {
        let ended = || BenchError::Wrong("the server has ended; why, it says above".to_owned());
        let words = self.words.as_mut().ok_or_else(ended)?;
        writeln!(words, "{}", word.name()).map_err(|_| ended())?;
        line(&mut self.answers)
    }

    /// Ends it, and gives the folder of its log.
    pub(crate) fn end(mut self) -> Result<EndedServer, BenchError> {
        drop(self.words.take());
        let status = self.process.wait().map_err(io("wait for the server's end"))?;
        if !status.success() {
            return Err(BenchError::Wrong(format!("the server ended with {status}")));
        }
        let folder =
            self.folder.take().ok_or_else(|| BenchError::Wrong("the server has no log".to_owned()))?;
        Ok(EndedServer { folder })
    }
}

/// What is left of a server.
pub(crate) struct EndedServer {
    folder: TempDir,
}

impl EndedServer {
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.words.take().is_some() {
            // A run that failed: nobody needs it any more.
            self.process.kill().ok();
        }
        self.process.wait().ok();
    }
}

fn line<T: DeserializeOwned>(answers: &mut BufReader<ChildStdout>) -> Result<T, BenchError> {
    let mut text = String::new();
    answers.read_line(&mut text).map_err(io("hear the server"))?;
    serde_json::from_str(&text).map_err(|error| {
        let said = if text.is_empty() { "nothing: it has ended" } else { text.trim() };
        BenchError::Wrong(format!("the server said {said} ({error})"))
    })
}
