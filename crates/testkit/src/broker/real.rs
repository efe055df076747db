//! A real Apache Kafka, one broker in KRaft mode, by `scripts/kafka.sh`.

use std::ffi::OsStr;
use std::io;
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use tempfile::TempDir;

use crate::plain::PATIENCE;

/// Where brokers listen. The script takes ports of controllers from 20,000 on.
const PORTS: Range<u16> = 10_000..20_000;

/// Options of a JVM that lives for seconds: no second compiler, no threads that collect garbage.
const SHORT_LIVED: &str = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC";

/// A broker of our own on a free port of this machine, with its data in a temporary directory; ended
/// on drop.
pub struct RealBroker {
    port: u16,
    /// The port of the listener that asks who is there, if there is one.
    guarded_port: Option<u16>,
    data: TempDir,
}

/// Why there is no broker.
#[derive(Debug)]
pub enum RealBrokerError {
    /// The script refused or failed; its words say what to install or where the log is.
    Script(String),
    /// A directory, port or process could not be had.
    Io(io::Error),
    /// The broker refused a topic.
    Kafka(KafkaError),
}

impl RealBroker {
    /// Fetches Kafka when that was not done before (Maven, about 100 MB) and starts it; returns when
    /// it accepts connections, about 3 s.
    ///
    /// # Errors
    /// [`RealBrokerError::Script`] names what is missing: Java 17, Maven, or the network.
    pub fn start() -> Result<Self, RealBrokerError> {
        Self::start_on(free_port()?, None)
    }

    /// As [`RealBroker::start`], with a second listener for SASL (`PLAIN`, user `tillwatch`, password
    /// `tillwatch-test`) whose user may do only what [`RealBroker::grant`] grants.
    ///
    /// # Errors
    /// As for [`RealBroker::start`].
    pub fn start_guarded() -> Result<Self, RealBrokerError> {
        Self::start_on(free_port()?, Some(free_port()?))
    }

    fn start_on(port: u16, guarded_port: Option<u16>) -> Result<Self, RealBrokerError> {
        let broker = Self {
            port,
            guarded_port,
            data: tempfile::tempdir()?,
        };
        broker.resume()?;
        Ok(broker)
    }

    /// `bootstrap.servers` of the listener that asks who is there; empty where there is none.
    pub fn guarded_brokers(&self) -> String {
        let address = |port: u16| format!("127.0.0.1:{port}");
        self.guarded_port.map_or_else(String::new, address)
    }

    /// Grants the guarded listener's user `operations` on `resources`, each written as an option of
    /// `kafka-acls.sh`: `--topic=payments`, `--group=g`. Takes about 2 s.
    ///
    /// # Errors
    /// What the tool says.
    pub fn grant(&self, operations: &[&str], resources: &[&str]) -> Result<(), RealBrokerError> {
        self.change_rights(&["--add"], operations, resources)
    }

    /// Takes back what [`RealBroker::grant`] was told in the same words.
    ///
    /// # Errors
    /// What the tool says.
    pub fn withdraw(&self, operations: &[&str], resources: &[&str]) -> Result<(), RealBrokerError> {
        self.change_rights(&["--remove", "--force"], operations, resources)
    }

    fn change_rights(
        &self,
        how: &[&str],
        operations: &[&str],
        resources: &[&str],
    ) -> Result<(), RealBrokerError> {
        let user = ["--allow-principal", "User:tillwatch"];
        let operations = operations.iter().flat_map(|name| ["--operation", name]);
        let resources = resources
            .iter()
            .flat_map(|resource| resource.splitn(2, '='));
        let how = ["acl"].into_iter().chain(how.iter().copied());
        let arguments = how.chain(user).chain(operations).chain(resources);
        let port = ("KAFKA_PORT", self.port.to_string());
        script(arguments.map(OsStr::new), &[port])
    }

    /// `bootstrap.servers` for clients.
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Stops the broker; data and port stay for [`RealBroker::resume`].
    ///
    /// # Errors
    /// What the script says.
    pub fn stop(&self) -> Result<(), RealBrokerError> {
        script([OsStr::new("stop"), self.data.path().as_os_str()], &[])
    }

    /// Starts a stopped broker again with the same port and data.
    ///
    /// # Errors
    /// What the script says.
    pub fn resume(&self) -> Result<(), RealBrokerError> {
        let port = self.port.to_string();
        let mut environment = vec![("KAFKA_JVM", SHORT_LIVED.to_owned())];
        if let Some(port) = self.guarded_port {
            let acl = ("KAFKA_ACL", "1".to_owned());
            environment.extend([("KAFKA_SASL_PORT", port.to_string()), acl]);
        }
        script(
            [
                OsStr::new("start"),
                OsStr::new(&port),
                self.data.path().as_os_str(),
            ],
            &environment,
        )
    }

    /// Lets the broker hang: it keeps its connections and answers nothing, until [`RealBroker::thaw`].
    ///
    /// # Errors
    /// What the system says.
    pub fn freeze(&self) -> Result<(), RealBrokerError> {
        self.signal("STOP")
    }

    /// Lets a broker that hangs go on.
    ///
    /// # Errors
    /// What the system says.
    pub fn thaw(&self) -> Result<(), RealBrokerError> {
        self.signal("CONT")
    }

    fn signal(&self, name: &str) -> Result<(), RealBrokerError> {
        let pid = std::fs::read_to_string(self.data.path().join("pid"))?;
        let status = Command::new("kill")
            .args([&format!("-{name}"), pid.trim()])
            .status()?;
        if status.success() {
            return Ok(());
        }
        Err(RealBrokerError::Script(format!("no broker with pid {pid}")))
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// What the broker says.
    pub fn delete_topic(&self, name: &str) -> Result<(), RealBrokerError> {
        delete_topic(&self.brokers(), name).map_err(RealBrokerError::Kafka)
    }

    /// Deletes the records of a partition below an offset, as retention does.
    ///
    /// # Errors
    /// What the broker says.
    pub fn delete_records(
        &self,
        topic: &str,
        partition: i32,
        before: i64,
    ) -> Result<(), RealBrokerError> {
        let deleted = delete_records(&self.brokers(), topic, partition, before);
        deleted.map_err(RealBrokerError::Kafka)
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// What the broker says.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), RealBrokerError> {
        self.create_topic_with(name, partitions, &[])
    }

    /// Gives a topic more partitions, `partitions` in all.
    ///
    /// # Errors
    /// What the broker says.
    pub fn add_partitions(&self, name: &str, partitions: usize) -> Result<(), RealBrokerError> {
        add_partitions(&self.brokers(), name, partitions).map_err(RealBrokerError::Kafka)
    }

    /// As [`RealBroker::create_topic`], with settings of the topic.
    ///
    /// # Errors
    /// What the broker says.
    pub fn create_topic_with(
        &self,
        name: &str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> Result<(), RealBrokerError> {
        create_topic(&self.brokers(), name, partitions, settings).map_err(RealBrokerError::Kafka)
    }
}

impl Drop for RealBroker {
    fn drop(&mut self) {
        // It may be stopped already; there is nobody to tell here. Nobody reads its data any more.
        let _ = self.signal("KILL");
        let _ = self.stop();
    }
}

/// Creates `topic` on any cluster, with one replica.
pub(super) fn create_topic(
    brokers: &str,
    name: &str,
    partitions: i32,
    settings: &[(&str, &str)],
) -> Result<(), KafkaError> {
    let admin = admin(brokers)?;
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    let settings = settings.iter();
    let topic = settings.fold(topic, |topic, (key, value)| topic.set(key, value));
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let results = block_on(admin.create_topics([&topic], &options))?;
    for result in results {
        result.map_err(|(_, code)| KafkaError::AdminOp(code))?;
    }
    Ok(())
}

fn add_partitions(brokers: &str, name: &str, partitions: usize) -> Result<(), KafkaError> {
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let more = NewPartitions::new(name, partitions);
    let results = block_on(admin(brokers)?.create_partitions([&more], &options))?;
    for result in results {
        result.map_err(|(_, code)| KafkaError::AdminOp(code))?;
    }
    Ok(())
}

fn delete_topic(brokers: &str, name: &str) -> Result<(), KafkaError> {
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let results = block_on(admin(brokers)?.delete_topics(&[name], &options))?;
    for result in results {
        result.map_err(|(_, code)| KafkaError::AdminOp(code))?;
    }
    Ok(())
}

fn delete_records(
    brokers: &str,
    topic: &str,
    partition: i32,
    before: i64,
) -> Result<(), KafkaError> {
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(topic, partition, Offset::Offset(before))?;
    block_on(admin(brokers)?.delete_records(&offsets, &options))?;
    Ok(())
}

fn admin(brokers: &str) -> Result<AdminClient<DefaultClientContext>, KafkaError> {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .create()
}

/// Runs a future on this thread; the admin client's own thread completes it.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(output) => return output,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

fn script<'a>(
    arguments: impl IntoIterator<Item = &'a OsStr>,
    environment: &[(&str, String)],
) -> Result<(), RealBrokerError> {
    let path = script_path();
    // The broker outlives the script and would keep its pipe open, so the output goes to a file.
    let log = tempfile::NamedTempFile::new()?;
    let status = Command::new("bash")
        .arg(&path)
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(std::process::Stdio::null())
        .stdout(log.reopen()?)
        .stderr(log.reopen()?)
        .status()?;
    if status.success() {
        return Ok(());
    }
    let words = std::fs::read_to_string(log.path())?;
    Err(RealBrokerError::Script(words.trim().to_owned()))
}

fn script_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/kafka.sh")
}

/// A port that nobody listens on, below the range that the kernel hands to outgoing connections: one of those
/// would take it while the broker starts, or is stopped.
fn free_port() -> io::Result<u16> {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let mut refused = None;
    for _ in 0..PORTS.len() {
        // Processes that run beside each other begin far apart.
        let begin = std::process::id().wrapping_mul(7_919);
        let number = begin.wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + (number % PORTS.len() as u32) as u16;
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => return Ok(port),
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

impl From<io::Error> for RealBrokerError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl std::fmt::Display for RealBrokerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Script(words) => write!(f, "no real broker: {words}"),
            Self::Io(error) => write!(f, "no real broker: {error}"),
            Self::Kafka(error) => write!(f, "the broker refused: {error}"),
        }
    }
}

impl std::error::Error for RealBrokerError {}
