//! The `[sink]` table of the configuration.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, de};
use tillwatch_kafka::Properties;
use tillwatch_records::units::{ByteSize, DurationMs};

use crate::error::SinkError;
use crate::surroundings::Surroundings;

/// One sink as `[sink]`, or several as `[[sink]]`: each gets everything that its `outputs` name, and
/// an input counts as done when all of them have acknowledged.
#[derive(Debug, Clone)]
pub struct SinksSettings(pub Vec<SinkSettings>);

/// One sink.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkSettings {
    /// Where to: `kafka`, `parquet`, `jsonl` or `stdout`.
    pub kind: SinkKind,
    /// What goes there. Default: `["scores", "alerts", "dead_letters"]`.
    #[serde(default = "Output::all")]
    pub outputs: Vec<Output>,
    /// Whether each score carries its feature values. Default: `false`, since they are most of the
    /// bytes of a score.
    #[serde(default)]
    pub features: bool,
    /// Topics to write to; `kafka` only.
    pub topics: Option<Topics>,
    /// librdkafka properties; `kafka` only. They override the sink's own choices (see
    /// `KafkaSink`), and `bootstrap.servers` may be given here.
    #[serde(default)]
    pub properties: Properties,
    /// How Kafka is written to; `kafka` only.
    pub kafka: Option<KafkaSettings>,
    /// Where and how to write files; `parquet` and `jsonl` only, and needed there.
    pub file: Option<FileSettings>,
}

/// How Kafka is written to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaSettings {
    /// What is promised of each output. Default: `at_least_once`.
    pub delivery: Delivering,
    /// How long a transaction is open: so much later outputs may be read. `exactly_once` only. Default:
    /// `100ms`.
    pub commit_interval: DurationMs,
    /// The id under which an instance writes in transactions: its own, and the same after a restart.
    /// `exactly_once` only. Default: the group, a full stop, and `group.instance.id` or the host's name.
    pub transactional_id: Option<String>,
}

/// What is promised of each output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivering {
    /// It is there, perhaps more than once after a crash.
    #[default]
    AtLeastOnce,
    /// It is there once, for readers of committed records.
    ExactlyOnce,
}

/// A kind of sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkKind {
    /// Kafka topics.
    Kafka,
    /// Parquet files of scores; alerts and dead letters as JSON lines beside them.
    Parquet,
    /// Files of JSON lines.
    Jsonl,
    /// JSON lines on standard output.
    Stdout,
}

/// What a sink may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// One score per transaction.
    Scores,
    /// What a person must act on.
    Alerts,
    /// Records that could not be decoded.
    DeadLetters,
}

/// Topic names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Topics {
    /// Scores. Default: `tillwatch.scores`.
    pub scores: String,
    /// Alerts. Default: `tillwatch.alerts`.
    pub alerts: String,
    /// Dead letters. Default: `tillwatch.dead-letters`.
    pub dead_letters: String,
}

/// Where and how files are written. A file is complete, and what it holds acknowledged, when one of
/// the rotation limits is reached (Parquet) or at once (JSON lines).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSettings {
    /// Directory; made when missing. One running process writes to it.
    pub directory: PathBuf,
    /// Rows after which a new file is begun; at most [`FileSettings::ROTATE_RECORDS_MAX`] for Parquet.
    /// Default: 1,000,000.
    #[serde(default = "FileSettings::default_rotate_records")]
    pub rotate_records: u64,
    /// Bytes after which a new file is begun. Default: `256MiB`.
    #[serde(default = "FileSettings::default_rotate_bytes")]
    pub rotate_bytes: ByteSize,
    /// Age at which a Parquet file is completed. Default: `30s`. Offsets of its rows are committed when it
    /// is complete, and as much is scored again after a crash; a burst that is over is completed before its
    /// age. Not used by JSON lines.
    #[serde(default = "FileSettings::default_rotate_age")]
    pub rotate_age: DurationMs,
    /// Compression of Parquet pages: `zstd` (default), `snappy` or `none`. Not used by JSON lines.
    #[serde(default)]
    pub compression: Compression,
}

/// Compression of Parquet pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Zstandard, level 1.
    #[default]
    Zstd,
    /// Snappy.
    Snappy,
    /// None.
    None,
}

impl SinksSettings {
    /// Checks what concerns several sinks: outputs that are written exactly once are written to one place,
    /// since a transaction holds nothing else.
    ///
    /// # Errors
    /// [`SinkError::Settings`].
    pub(crate) fn check_together(&self) -> Result<(), SinkError> {
        let once = self.0.iter().find(|sink| sink.is_exactly_once());
        match once {
            Some(once) if self.0.len() > 1 => Err(once.wrong(
                "delivery = \"exactly_once\" needs to be the only sink, since no other can take part in a \
                 transaction; remove the others, or write at least once",
            )),
            _ => Ok(()),
        }
    }

    /// Makes every file and directory that they name start at `directory`, unless it is written from the root
    /// on.
    pub fn start_paths_at(&mut self, directory: &Path) {
        for sink in &mut self.0 {
            sink.properties.start_paths_at(directory);
            if let Some(file) = &mut sink.file {
                file.directory = directory.join(&file.directory);
            }
        }
    }
}

impl SinkSettings {
    /// Settings of a sink of `kind` with all defaults.
    pub fn new(kind: SinkKind) -> Self {
        Self {
            kind,
            outputs: Output::all(),
            features: false,
            topics: None,
            properties: Properties::default(),
            kafka: None,
            file: None,
        }
    }

    /// Whether `output` goes to this sink.
    pub fn takes(&self, output: Output) -> bool {
        self.outputs.contains(&output)
    }

    /// The topics with their defaults.
    pub fn topics(&self) -> Topics {
        self.topics.clone().unwrap_or_default()
    }

    /// What this sink takes, each with the Kafka topic that it goes to; empty unless it is a `kafka` sink.
    pub fn kafka_topics(&self) -> Vec<(Output, String)> {
        if self.kind != SinkKind::Kafka {
            return Vec::new();
        }
        let names = self.topics();
        let topics = [
            (Output::Scores, names.scores),
            (Output::Alerts, names.alerts),
            (Output::DeadLetters, names.dead_letters),
        ];
        let taken = topics.into_iter().filter(|(output, _)| self.takes(*output));
        taken.collect()
    }

    /// How Kafka is written to, with defaults.
    pub fn kafka(&self) -> KafkaSettings {
        self.kafka.clone().unwrap_or_default()
    }

    /// Whether outputs are written in transactions.
    pub fn is_exactly_once(&self) -> bool {
        let settings = self.kafka.as_ref();
        settings.is_some_and(|kafka| kafka.delivery == Delivering::ExactlyOnce)
    }

    /// The id under which outputs are written in transactions.
    pub(crate) fn transactional_id(&self, around: &Surroundings) -> Result<String, SinkError> {
        let own = self
            .kafka
            .as_ref()
            .and_then(|kafka| kafka.transactional_id.clone());
        let id = own.or_else(|| around.transactional_id.clone());
        id.filter(|id| !id.is_empty()).ok_or_else(|| {
            self.wrong(
                "delivery = \"exactly_once\" needs a transactional id; set transactional_id in [sink.kafka] \
                 to one that no other instance has",
            )
        })
    }

    /// Checks what serde cannot: that each key belongs to the kind.
    ///
    /// # Errors
    /// [`SinkError::Settings`] for the first that does not.
    pub fn validate(&self) -> Result<(), SinkError> {
        let files = matches!(self.kind, SinkKind::Parquet | SinkKind::Jsonl);
        let kafka = self.kind == SinkKind::Kafka;
        if self.outputs.is_empty() {
            return Err(
                self.wrong("`outputs` is empty; name at least one of scores, alerts, dead_letters")
            );
        }
        if !kafka && (self.topics.is_some() || !self.properties.is_empty()) {
            return Err(
                self.wrong("`topics` and `properties` belong to kind = \"kafka\"; remove them")
            );
        }
        self.validate_kafka()?;
        match &self.file {
            Some(_) if !files => {
                Err(self.wrong("`file` belongs to kind = \"parquet\" or \"jsonl\"; remove it"))
            }
            None if files => self.file().map(|_| ()),
            Some(file) if file.rotate_records == 0 || file.rotate_bytes.0 == 0 => {
                Err(self.wrong("`rotate_records` and `rotate_bytes` must be above 0"))
            }
            Some(file) if file.rotate_age.as_ms() <= 0 => {
                Err(self.wrong("`rotate_age` must be above 0"))
            }
            Some(file)
                if self.kind == SinkKind::Parquet
                    && file.rotate_records > FileSettings::ROTATE_RECORDS_MAX =>
            {
                let most = FileSettings::ROTATE_RECORDS_MAX;
                Err(self.wrong(&format!("`rotate_records` must be at most {most}")))
            }
            _ => Ok(()),
        }
    }

    fn validate_kafka(&self) -> Result<(), SinkError> {
        let Some(kafka) = &self.kafka else {
            return Ok(());
        };
        if self.kind != SinkKind::Kafka {
            return Err(self.wrong("`kafka` belongs to kind = \"kafka\"; remove it"));
        }
        let default = KafkaSettings::default();
        if kafka.delivery == Delivering::AtLeastOnce && *kafka != default {
            return Err(self.wrong(
                "`commit_interval` and `transactional_id` belong to delivery = \"exactly_once\"; remove them",
            ));
        }
        let interval_ms = kafka.commit_interval.as_ms();
        if !(1..=KafkaSettings::COMMIT_INTERVAL_MS_MAX).contains(&interval_ms) {
            let most = KafkaSettings::COMMIT_INTERVAL_MS_MAX;
            return Err(self.wrong(&format!("`commit_interval` must be from 1 to {most} ms")));
        }
        Ok(())
    }

    /// The `file` table, after [`SinkSettings::validate`].
    pub(crate) fn file(&self) -> Result<&FileSettings, SinkError> {
        let missing = || self.wrong("`file` is missing; add file = { directory = \"...\" }");
        self.file.as_ref().ok_or_else(missing)
    }

    fn wrong(&self, problem: &str) -> SinkError {
        SinkError::Settings {
            kind: self.kind.as_str(),
            problem: problem.to_owned(),
        }
    }
}

impl KafkaSettings {
    /// The longest that a transaction may be open: well below `transaction.timeout.ms`, after which the
    /// brokers end it.
    pub const COMMIT_INTERVAL_MS_MAX: i64 = 5_000;
}

impl Default for KafkaSettings {
    fn default() -> Self {
        Self {
            delivery: Delivering::default(),
            commit_interval: DurationMs::from_ms(100),
            transactional_id: None,
        }
    }
}

impl SinkKind {
    /// The name in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Parquet => "parquet",
            Self::Jsonl => "jsonl",
            Self::Stdout => "stdout",
        }
    }
}

impl Output {
    /// Every output.
    pub fn all() -> Vec<Self> {
        vec![Self::Scores, Self::Alerts, Self::DeadLetters]
    }

    /// The name in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scores => "scores",
            Self::Alerts => "alerts",
            Self::DeadLetters => "dead_letters",
        }
    }
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            scores: "tillwatch.scores".to_owned(),
            alerts: "tillwatch.alerts".to_owned(),
            dead_letters: "tillwatch.dead-letters".to_owned(),
        }
    }
}

impl FileSettings {
    /// Rows of a Parquet file: none of them is committed before all are written, so as many are scored again
    /// after a crash, and 8 bytes of each are held until then.
    pub const ROTATE_RECORDS_MAX: u64 = 10_000_000;

    /// Files in `directory` with all defaults.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            rotate_records: Self::default_rotate_records(),
            rotate_bytes: Self::default_rotate_bytes(),
            rotate_age: Self::default_rotate_age(),
            compression: Compression::default(),
        }
    }

    fn default_rotate_records() -> u64 {
        1_000_000
    }

    fn default_rotate_bytes() -> ByteSize {
        ByteSize(256 * 1024 * 1024)
    }

    fn default_rotate_age() -> DurationMs {
        DurationMs::from_ms(30_000)
    }
}

impl<'de> Deserialize<'de> for SinksSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> de::Visitor<'de> for OneOrMany {
            type Value = SinksSettings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table [sink], or several as [[sink]]")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let one = SinkSettings::deserialize(MapAccessDeserializer::new(map))?;
                Ok(SinksSettings(vec![one]))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(SinksSettings)
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Whole {
        sink: SinksSettings,
    }

    fn read(text: &str) -> Result<SinksSettings, String> {
        toml::from_str::<Whole>(text)
            .map(|whole| whole.sink)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn one_or_several() {
        let one =
            read("[sink]\nkind = \"kafka\"\nproperties = { \"linger.ms\" = 2.5, acks = \"all\" }")
                .unwrap();
        assert_eq!(one.0[0].topics(), Topics::default());
        assert_eq!(one.0[0].properties.get("linger.ms"), Some("2.5"));
        let several = read(
            "[[sink]]\nkind = \"parquet\"\nfeatures = true\noutputs = [\"scores\"]\n\
             file = { directory = \"out\", rotate_age = \"1m\" }\n\
             [[sink]]\nkind = \"stdout\"\noutputs = [\"alerts\"]",
        )
        .unwrap();
        assert!(several.0.iter().all(|sink| sink.validate().is_ok()));
        assert!(several.0[0].features && !several.0[0].takes(Output::Alerts));
        assert_eq!(several.0[0].file().unwrap().rotate_age.as_ms(), 60_000);
    }

    #[test]
    fn what_does_not_belong_is_refused() {
        assert!(
            read("[sink]\nkind = \"kafka\"\ntopic = \"x\"")
                .unwrap_err()
                .contains("topic")
        );
        for (text, word) in [
            ("kind = \"stdout\"\ntopics = { scores = \"x\" }", "topics"),
            ("kind = \"jsonl\"", "directory"),
            ("kind = \"kafka\"\nfile = { directory = \"x\" }", "file"),
            (
                "kind = \"jsonl\"\nfile = { directory = \"x\", rotate_records = 0 }",
                "rotate_records",
            ),
            (
                "kind = \"parquet\"\nfile = { directory = \"x\", rotate_records = 10000001 }",
                "rotate_records",
            ),
            ("kind = \"stdout\"\noutputs = []", "outputs"),
            ("kind = \"stdout\"\nkafka = {}", "`kafka`"),
            (
                "kind = \"kafka\"\nkafka = { commit_interval = \"1s\" }",
                "exactly_once",
            ),
            (
                "kind = \"kafka\"\nkafka = { delivery = \"exactly_once\", commit_interval = \"6s\" }",
                "5000 ms",
            ),
        ] {
            let settings = read(&format!("[sink]\n{text}")).unwrap();
            let error = settings.0[0].validate().unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
