//! The schema registry: Apicurio, in memory, spoken to by the Confluent API.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::TestbedError;
use crate::jars::{REGISTRY, require};
use crate::limits::{ANSWER_TIMEOUT_MS, REGISTRY_HEAP_MB, START_ATTEMPTS_MAX};
use crate::process::{self, Shared, Watched};

const WHAT: &str = "the schema registry";

/// A running registry; ends when dropped. What is registered is gone then.
#[derive(Debug)]
pub struct Registry {
    server: Watched,
    setup: RegistrySetup,
    // Last, so that the folder goes after the process that writes into it.
    _folder: TempDir,
}

impl Registry {
    /// Starts an empty registry on a free port, and waits until it answers.
    pub fn start() -> Result<Self, TestbedError> {
        let mut attempt = 1;
        loop {
            let [port] = process::free_ports()?;
            let folder = process::temporary_folder()?;
            let setup = RegistrySetup { folder: folder.path().to_path_buf(), port };
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

    /// The base address of the Confluent API, without a slash at the end.
    pub fn url(&self) -> String {
        self.setup.url()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }
}

/// The registry that the tests of one binary share, started at first use. It ends with the process.
pub fn shared_registry() -> Result<&'static Registry, TestbedError> {
    static REGISTRY: Shared<Registry> = Shared::new();
    REGISTRY.get(Registry::start)
}

/// All that a start needs.
#[derive(Clone, Debug)]
pub(crate) struct RegistrySetup {
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
}

impl RegistrySetup {
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.port)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("registry.log")
    }

    fn start(&self) -> Result<Watched, TestbedError> {
        let arguments = self.prepare()?;
        let mut server = Watched::start(&arguments, &self.log(), &self.folder)?;
        self.wait(&mut server)?;
        Ok(server)
    }

    /// Waits until the registry answers.
    pub(crate) fn wait(&self, server: &mut impl process::Server) -> Result<(), TestbedError> {
        process::wait_until(WHAT, server, &self.log(), || answers(self.port).unwrap_or(false))
    }

    /// The arguments for `java`.
    pub(crate) fn prepare(&self) -> Result<Vec<OsString>, TestbedError> {
        require("java", "the schema registry runs on it", "openjdk-17-jre-headless maven")?;
        let jar = runner(&REGISTRY.folder()?)?;
        Ok(vec![
            format!("-Xmx{REGISTRY_HEAP_MB}m").into(),
            "-Dquarkus.http.host=127.0.0.1".into(),
            format!("-Dquarkus.http.port={}", self.port).into(),
            "-jar".into(),
            jar.into(),
        ])
    }
}

/// The jar that starts the registry; its name holds the version.
fn runner(folder: &Path) -> Result<PathBuf, TestbedError> {
    let names = folder.read_dir().map_err(TestbedError::io("read", folder))?;
    names
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.to_string_lossy().ends_with("-runner.jar"))
        .ok_or_else(|| {
            std::io::Error::other("it holds no file *-runner.jar; delete the folder and try again")
        })
        .map_err(TestbedError::io("start the registry from", folder))
}

/// Whether it lists its subjects, and takes a schema: the first takes it long. The subject is gone afterwards.
fn answers(port: u16) -> std::io::Result<bool> {
    const SCHEMA: &str = r#"{"schema":"\"null\""}"#;
    let steps = [
        ("GET", "", ""),
        ("POST", "/testbed/versions", SCHEMA),
        ("POST", "/testbed", SCHEMA),
        ("DELETE", "/testbed", ""),
        ("DELETE", "/testbed?permanent=true", ""),
    ];
    for (method, path, body) in steps {
        if !succeeds(port, method, path, body)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a request about subjects is answered well.
fn succeeds(port: u16, method: &str, path: &str, body: &str) -> std::io::Result<bool> {
    let timeout = Some(Duration::from_millis(ANSWER_TIMEOUT_MS));
    let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    stream.set_read_timeout(timeout)?;
    stream.set_write_timeout(timeout)?;
    let request = format!(
        "{method} /apis/ccompat/v7/subjects{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
         Content-Type: application/vnd.schemaregistry.v1+json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}
