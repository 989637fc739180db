//! A broker, a registry and DynamoDB Local that outlive the command that started them.
//!
//! A state file in the stack's folder names their processes, with what tells each from a later process of the same id.
//! So `down` ends these processes and no others, however much later.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::broker::BrokerSetup;
use crate::dynamodb::DynamoDbSetup;
use crate::limits::{STOP_TIMEOUT_SECONDS, WAIT_STEP_MS};
use crate::registry::RegistrySetup;
use crate::{BrokerOptions, TestbedError, process};

/// Where the servers listen, all on 127.0.0.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DevPorts {
    /// The broker.
    pub broker: u16,
    /// The broker's controller.
    pub controller: u16,
    /// The registry.
    pub registry: u16,
    /// DynamoDB Local.
    pub dynamodb: u16,
}

impl Default for DevPorts {
    /// The usual ones.
    fn default() -> Self {
        Self { broker: 9092, controller: 9093, registry: 8081, dynamodb: 8000 }
    }
}

impl DevPorts {
    /// Ports that are free now.
    pub fn free() -> Result<Self, TestbedError> {
        let [broker, controller, registry, dynamodb] = process::free_ports()?;
        Ok(Self { broker, controller, registry, dynamodb })
    }
}

/// What runs, as the state file has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevStack {
    /// Where Kafka clients connect.
    pub bootstrap: String,
    /// The base address of the registry's Confluent API.
    pub registry_url: String,
    /// Where DynamoDB clients connect; an older stack has none.
    #[serde(default)]
    pub dynamodb_url: Option<String>,
    /// What runs.
    pub processes: Vec<DevProcess>,
}

/// A detached process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevProcess {
    /// What it is.
    pub name: String,
    /// Its process id.
    pub pid: u32,
    /// When it started, as the system says it; tells it from a later process with the same id.
    pub started: String,
    /// What it prints.
    pub log: PathBuf,
}

impl DevProcess {
    /// Whether it still runs.
    pub fn is_running(&self) -> bool {
        process::start_mark(self.pid).is_some_and(|mark| mark == self.started)
    }
}

impl DevStack {
    /// Starts all in `folder`, waits until they answer, and leaves them running. The topics and the tables of an earlier
    /// stack in the same folder are there again; the registry starts empty.
    pub fn up(folder: &Path, ports: DevPorts) -> Result<Self, TestbedError> {
        if let Some(stack) = Self::read(folder)?.filter(Self::is_running) {
            let Self { bootstrap, registry_url, .. } = stack;
            return Err(TestbedError::AlreadyUp { dir: folder.to_path_buf(), bootstrap, registry_url });
        }
        let named = [
            ("the Kafka broker", ports.broker),
            ("the Kafka controller", ports.controller),
            ("the schema registry", ports.registry),
            ("DynamoDB Local", ports.dynamodb),
        ];
        if let Some((what, port)) = named.into_iter().find(|(_, port)| !process::is_free(*port)) {
            return Err(TestbedError::PortTaken { what, port });
        }
        fs::create_dir_all(folder).map_err(TestbedError::io("create", folder))?;
        let folder = folder.canonicalize().map_err(TestbedError::io("find", folder))?;
        let stack = Self::start(&folder, ports);
        if stack.is_err() {
            Self::down(&folder)?;
        }
        stack
    }

    fn start(folder: &Path, ports: DevPorts) -> Result<Self, TestbedError> {
        let registry = RegistrySetup { folder: folder.to_path_buf(), port: ports.registry };
        let broker = BrokerSetup {
            folder: folder.to_path_buf(),
            port: ports.broker,
            controller_port: ports.controller,
            options: BrokerOptions::default(),
        };
        let dynamodb = DynamoDbSetup { folder: folder.to_path_buf(), port: ports.dynamodb, keeps: true };
        let mut stack = Self {
            bootstrap: broker.bootstrap(),
            registry_url: registry.url(),
            dynamodb_url: Some(dynamodb.url()),
            processes: Vec::new(),
        };
        let mut broker_child = stack.launch(folder, "broker", &broker.prepare()?, broker.log())?;
        let mut registry_child = stack.launch(folder, "registry", &registry.prepare()?, registry.log())?;
        let mut dynamodb_child = stack.launch(folder, "dynamodb", &dynamodb.prepare()?, dynamodb.log())?;
        broker.wait(&mut broker_child)?;
        registry.wait(&mut registry_child)?;
        dynamodb.wait(&mut dynamodb_child)?;
        Ok(stack)
    }

    /// Starts one process and writes it down at once, so that `down` finds it whatever happens next.
    fn launch(
        &mut self,
        folder: &Path,
        name: &str,
        arguments: &[OsString],
        log: PathBuf,
    ) -> Result<Child, TestbedError> {
        let mut child = process::start_detached(arguments, &log)?;
        let pid = child.id();
        let Some(started) = process::start_mark(pid) else {
            let detail = process::Server::ended(&mut child).unwrap_or_else(|| "it cannot be seen".to_owned());
            return Err(TestbedError::NotStarted { what: "a server", detail, log: String::new() });
        };
        self.processes.push(DevProcess { name: name.to_owned(), pid, started, log });
        self.write(folder)?;
        Ok(child)
    }

    /// Whether any of its processes still runs.
    pub fn is_running(&self) -> bool {
        self.processes.iter().any(DevProcess::is_running)
    }

    /// What `folder` says was started there, whether or not it still runs.
    pub fn read(folder: &Path) -> Result<Option<Self>, TestbedError> {
        let file = state_file(folder);
        match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| TestbedError::BadState { file, detail: error.to_string() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(TestbedError::Io { action: "read", path: file, source }),
        }
    }

    fn write(&self, folder: &Path) -> Result<(), TestbedError> {
        let file = state_file(folder);
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| TestbedError::BadState { file: file.clone(), detail: error.to_string() })?;
        fs::write(&file, text).map_err(TestbedError::io("write", &file))
    }

    /// Ends what `up` started in `folder`, waits for its end, and says what it ended: nothing, when nothing ran. The
    /// data stays.
    pub fn down(folder: &Path) -> Result<Vec<DevProcess>, TestbedError> {
        let Some(stack) = Self::read(folder)? else { return Ok(Vec::new()) };
        let running: Vec<_> = stack.processes.into_iter().filter(DevProcess::is_running).collect();
        for name in ["TERM", "KILL"] {
            for process in running.iter().filter(|process| process.is_running()) {
                process::signal(process.pid, name)?;
            }
            let deadline = Instant::now() + Duration::from_secs(STOP_TIMEOUT_SECONDS);
            while running.iter().any(DevProcess::is_running) && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(WAIT_STEP_MS));
            }
        }
        let file = state_file(folder);
        fs::remove_file(&file).map_err(TestbedError::io("remove", &file))?;
        Ok(running)
    }
}

fn state_file(folder: &Path) -> PathBuf {
    folder.join("stack.json")
}
