//! The broker: Apache Kafka, broker and controller in one JVM.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::TestbedError;
use crate::jars::{KAFKA, require};
use crate::limits::{BROKER_HEAP_MB, START_ATTEMPTS_MAX};
use crate::process::{self, Shared, Watched};

const WHAT: &str = "the Kafka broker";
/// What the broker logs when it takes part in the cluster; only then can topics be created.
const STARTED: &str = "Kafka Server started";

/// How to start a broker.
#[derive(Clone, Debug)]
pub struct BrokerOptions {
    /// Largest heap of the JVM, in megabytes.
    pub heap_mb: u32,
    /// More lines for `server.properties`; they win over ours.
    pub properties: Vec<(String, String)>,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        Self { heap_mb: BROKER_HEAP_MB, properties: Vec::new() }
    }
}

/// A running broker; ends when dropped.
#[derive(Debug)]
pub struct Broker {
    server: Option<Watched>,
    setup: BrokerSetup,
    // Last, so that the folder goes after the process that writes into it.
    _folder: TempDir,
}

impl Broker {
    /// Starts a broker on free ports with an empty folder, and waits until it answers.
    pub fn start() -> Result<Self, TestbedError> {
        Self::start_with(&BrokerOptions::default())
    }

    /// Starts a broker as `options` say.
    pub fn start_with(options: &BrokerOptions) -> Result<Self, TestbedError> {
        let mut attempt = 1;
        loop {
            let [port, controller_port] = process::free_ports()?;
            let folder = process::temporary_folder()?;
            let options = options.clone();
            let setup = BrokerSetup { folder: folder.path().to_path_buf(), port, controller_port, options };
            match setup.start() {
                Ok(server) => return Ok(Self { server: Some(server), setup, _folder: folder }),
                // Another process may have taken a port since we looked.
                Err(error) if attempt < START_ATTEMPTS_MAX && !setup.ports_are_free() => {
                    tracing::warn!("trying other ports: {error}");
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Where clients connect: `127.0.0.1:PORT`.
    pub fn bootstrap(&self) -> String {
        self.setup.bootstrap()
    }

    /// The process id, or `None` while it is stopped.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Watched::pid)
    }

    /// Kills the broker as a crash would; its data stays.
    pub fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill();
        }
    }

    /// Starts the broker again, on the same ports and data, and waits until it answers.
    pub fn restart(&mut self) -> Result<(), TestbedError> {
        self.stop();
        self.server = Some(self.setup.start()?);
        Ok(())
    }

    /// Processor time the broker has used since it was last started (Linux).
    pub fn cpu_time(&self) -> Result<Duration, TestbedError> {
        self.pid().map_or(Ok(Duration::ZERO), process::cpu_time)
    }
}

/// The broker that the tests of one binary share, started at first use. It ends with the process.
pub fn shared_broker() -> Result<&'static Broker, TestbedError> {
    static BROKER: Shared<Broker> = Shared::new();
    BROKER.get(Broker::start)
}

/// All that a start needs, so that it can be done again.
#[derive(Clone, Debug)]
pub(crate) struct BrokerSetup {
    /// Settings, log and data are in here; the data stays from start to start.
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
    pub(crate) controller_port: u16,
    pub(crate) options: BrokerOptions,
}

impl BrokerSetup {
    pub(crate) fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("broker.log")
    }

    fn ports_are_free(&self) -> bool {
        process::is_free(self.port) && process::is_free(self.controller_port)
    }

    fn start(&self) -> Result<Watched, TestbedError> {
        let arguments = self.prepare()?;
        let mut server = Watched::start(&arguments, &self.log(), &self.folder)?;
        self.wait(&mut server)?;
        Ok(server)
    }

    /// Waits until the broker answers.
    pub(crate) fn wait(&self, server: &mut impl process::Server) -> Result<(), TestbedError> {
        let log = self.log();
        process::wait_until(WHAT, server, &log, || {
            fs::read_to_string(&log).is_ok_and(|text| text.contains(STARTED))
        })
    }

    /// Writes the settings; gives the arguments for `java`.
    pub(crate) fn prepare(&self) -> Result<Vec<OsString>, TestbedError> {
        require("java", "the broker runs on it", "openjdk-17-jre-headless maven")?;
        let jars = KAFKA.folder()?;
        let data = self.folder.join("data");
        fs::create_dir_all(&data).map_err(TestbedError::io("create", &data))?;
        // What `kafka-storage format` would write, without the second it takes to start a JVM for it.
        let identity = data.join("meta.properties");
        if !identity.exists() {
            write(&identity, "version=1\ncluster.id=doorbusterdoorbuster00\nnode.id=1\n")?;
        }
        let settings = self.folder.join("server.properties");
        write(&settings, &self.server_properties(&data))?;
        let mut class_path = jars.into_os_string();
        class_path.push("/*");
        let mut arguments: Vec<OsString> = vec![format!("-Xmx{}m", self.options.heap_mb).into()];
        arguments.extend(JVM_FLAGS.map(OsString::from));
        arguments.extend(["-cp".into(), class_path, "kafka.Kafka".into(), settings.into()]);
        Ok(arguments)
    }

    fn server_properties(&self, data: &Path) -> String {
        let Self { port, controller_port, .. } = self;
        let mut text = format!(
            "process.roles=broker,controller\n\
             node.id=1\n\
             controller.quorum.voters=1@127.0.0.1:{controller_port}\n\
             listeners=BROKER://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
             advertised.listeners=BROKER://127.0.0.1:{port}\n\
             listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             inter.broker.listener.name=BROKER\n\
             controller.listener.names=CONTROLLER\n\
             log.dirs={}\n",
            data.display()
        );
        for (name, value) in SETTINGS {
            text.push_str(&format!("{name}={value}\n"));
        }
        for (name, value) in &self.options.properties {
            text.push_str(&format!("{name}={value}\n"));
        }
        text
    }
}

/// G1 as production has it; only errors and the one line we wait for are logged.
const JVM_FLAGS: [&str; 5] = [
    "-XX:+UseG1GC",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
];

/// One broker is all there is, and tests do not wait for members that might still come.
const SETTINGS: [(&str, &str); 10] = [
    ("auto.create.topics.enable", "false"),
    ("offsets.topic.replication.factor", "1"),
    ("offsets.topic.num.partitions", "8"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("transaction.state.log.num.partitions", "8"),
    ("group.initial.rebalance.delay.ms", "0"),
    // A broker that was killed may come back only when its controller has given it up; by default that takes 9 s.
    ("broker.session.timeout.ms", "3000"),
    ("broker.heartbeat.interval.ms", "500"),
    // A client that went with its process is forgotten before the next test needs its place.
    ("group.min.session.timeout.ms", "1000"),
];

fn write(path: &Path, text: &str) -> Result<(), TestbedError> {
    fs::write(path, text).map_err(TestbedError::io("write", path))
}
