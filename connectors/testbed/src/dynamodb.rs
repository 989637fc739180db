//! DynamoDB Local: Amazon's own stand-in for DynamoDB, in memory.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::TestbedError;
use crate::jars::{DYNAMODB, require};
use crate::limits::{ANSWER_TIMEOUT_MS, DYNAMODB_HEAP_MB, START_ATTEMPTS_MAX};
use crate::process::{self, Shared, Watched};

const WHAT: &str = "DynamoDB Local";

/// A running DynamoDB Local; ends when dropped. Its tables are gone then.
///
/// Each pair of access key and region sees tables of its own. It takes every key, throttles nobody, and expires items
/// in its own time.
#[derive(Debug)]
pub struct DynamoDbLocal {
    server: Watched,
    setup: DynamoDbSetup,
    // Last, so that the folder goes after the process that writes into it.
    _folder: TempDir,
}

impl DynamoDbLocal {
    /// Starts one without tables on a free port, and waits until it answers.
    pub fn start() -> Result<Self, TestbedError> {
        let mut attempt = 1;
        loop {
            let [port] = process::free_ports()?;
            let folder = process::temporary_folder()?;
            let setup = DynamoDbSetup { folder: folder.path().to_path_buf(), port, keeps: false };
            match setup.start() {
                Ok(server) => return Ok(Self { server, setup, _folder: folder }),
                // Another process may have taken the port since we looked.
                Err(error) if attempt < START_ATTEMPTS_MAX && !process::is_free(port) => {
                    tracing::warn!("trying another port: {error}");
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Where clients connect, without a slash at the end.
    pub fn url(&self) -> String {
        self.setup.url()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Processor time it has used (Linux).
    pub fn cpu_time(&self) -> Result<Duration, TestbedError> {
        process::cpu_time(self.pid())
    }
}

/// The DynamoDB Local that the tests of one binary share, started at first use. It ends with the process.
pub fn shared_dynamodb() -> Result<&'static DynamoDbLocal, TestbedError> {
    static DYNAMODB: Shared<DynamoDbLocal> = Shared::new();
    DYNAMODB.get(DynamoDbLocal::start)
}

/// All that a start needs.
#[derive(Clone, Debug)]
pub(crate) struct DynamoDbSetup {
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
    /// Whether the tables stay in the folder, the same for every access key and region; else they are in memory.
    pub(crate) keeps: bool,
}

impl DynamoDbSetup {
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("dynamodb.log")
    }

    fn start(&self) -> Result<Watched, TestbedError> {
        let mut server = Watched::start(&self.prepare()?, &self.log(), &self.folder)?;
        self.wait(&mut server)?;
        Ok(server)
    }

    /// Waits until it answers.
    pub(crate) fn wait(&self, server: &mut impl process::Server) -> Result<(), TestbedError> {
        process::wait_until(WHAT, server, &self.log(), || answers(self.port).unwrap_or(false))
    }

    /// The arguments for `java`.
    pub(crate) fn prepare(&self) -> Result<Vec<OsString>, TestbedError> {
        require("java", "DynamoDB Local runs on it", "openjdk-17-jre-headless maven")?;
        Ok(self.arguments(&DYNAMODB.folder()?))
    }

    /// The jars' folder also holds the native SQLite.
    fn arguments(&self, jars: &Path) -> Vec<OsString> {
        let mut library_path = OsString::from("-Djava.library.path=");
        library_path.push(jars);
        let mut class_path = jars.as_os_str().to_owned();
        class_path.push("/*");
        let mut arguments = vec![format!("-Xmx{DYNAMODB_HEAP_MB}m").into(), library_path];
        arguments.extend(["-cp".into(), class_path]);
        arguments.push("com.amazonaws.services.dynamodbv2.local.main.ServerRunner".into());
        if self.keeps {
            arguments.extend(["-sharedDb", "-dbPath"].map(OsString::from));
            arguments.push(self.folder.clone().into());
        } else {
            arguments.push("-inMemory".into());
        }
        arguments.extend(["-disableTelemetry", "-port"].map(OsString::from));
        arguments.push(self.port.to_string().into());
        arguments
    }
}

/// Whether it answers at all; to a request without a signature it answers with an error.
fn answers(port: u16) -> std::io::Result<bool> {
    let timeout = Some(Duration::from_millis(ANSWER_TIMEOUT_MS));
    let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    stream.set_read_timeout(timeout)?;
    stream.set_write_timeout(timeout)?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 "))
}
