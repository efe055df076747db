//! The configuration as it is written, before anything is checked but its shape.

use std::net::SocketAddr;
use std::path::Path;

use serde::Deserialize;
use tillwatch_consumer::{ConsumerSettings, Properties};
use tillwatch_decode::DecodeSettings;
use tillwatch_feature_extraction::{EngineSettings, TimeSettings};
use tillwatch_records::RecordKind;
use tillwatch_records::units::DurationMs;
use tillwatch_scoring::ScoringSettings;
use tillwatch_sink::SinksSettings;

use super::dead_letters::DeadLettersTable;
use super::ids::IdsTable;
use super::labels::LabelSettings;
use super::models::ModelsTable;
use super::reference::WrittenReference;
use super::settings::Config;
use super::stages::{EntityTable, FeaturesTable, StageTable, Stages};
use super::state::StateTable;
use super::{card_keys, directives, once, topics};
use crate::log::LogSettings;

/// Every table of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// librdkafka properties for consumer and producer alike: `bootstrap.servers`, TLS, SASL.
    #[serde(default)]
    kafka: Properties,
    consumer: Option<ConsumerSettings>,
    #[serde(default)]
    decode: DecodeSettings,
    entity: Option<EntityTable>,
    features: Option<FeaturesTable>,
    /// Several keys, each with a catalog of its own, instead of `[entity]` and `[features]`.
    #[serde(default)]
    stage: Vec<StageTable>,
    labels: Option<LabelSettings>,
    reference: Option<WrittenReference>,
    #[serde(default)]
    time: TimeSettings,
    #[serde(default)]
    state: StateTable,
    #[serde(default)]
    ids: IdsTable,
    models: ModelsTable,
    #[serde(default)]
    scoring: ScoringSettings,
    sink: Option<SinksSettings>,
    #[serde(default)]
    dead_letters: DeadLettersTable,
    #[serde(default)]
    lanes: LanesTable,
    #[serde(default)]
    http: HttpTable,
    #[serde(default)]
    log: LogSettings,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LanesTable {
    /// Threads that lanes run on. Default: one per core.
    threads: Option<usize>,
    /// How old a batch may be when it is scored before less is asked of it. Default: no limit.
    deadline: Option<DurationMs>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HttpTable {
    /// Address of `/metrics`, `/healthz` and `/readyz`; `"off"` for none.
    listen: String,
}

impl Default for HttpTable {
    fn default() -> Self {
        // Not reachable from outside unless somebody says so.
        Self {
            listen: "127.0.0.1:9600".into(),
        }
    }
}

impl HttpTable {
    fn address(&self) -> Result<Option<SocketAddr>, (&'static str, String)> {
        match self.listen.as_str() {
            "off" => Ok(None),
            address => match address.parse() {
                Ok(address) => Ok(Some(address)),
                Err(_) => Err((
                    "[http] listen",
                    format!("`{address}` is not an address; write \"127.0.0.1:9600\" or \"off\""),
                )),
            },
        }
    }
}

/// More threads than this is a slip of the pen.
const THREADS_MAX: usize = 1024;

/// Above this no payment waits for its score.
const DEADLINE_MS_MAX: i64 = 60_000;

impl Written {
    /// Checks each value; paths are taken from `base`. An error names its table.
    pub fn validate(self, base: &Path) -> Result<Config, (&'static str, String)> {
        self.check_labels()?;
        let stages = Stages::read(self.entity, self.features, self.stage, base)?;
        let reference = self.reference;
        let reference = reference.map(|table| table.validate(base, &stages.first().key));
        let reference = reference.transpose()?;
        let models = self.models.validate(base);
        let models = models.map_err(|reason| ("[models]", reason))?;
        let mut decode = self.decode;
        card_keys::fill(&mut decode, base)?;
        let threads = self.lanes.threads.unwrap_or_else(cores);
        if !(1..=THREADS_MAX).contains(&threads) {
            return Err((
                "[lanes] threads",
                format!("{threads} is not from 1 to {THREADS_MAX}"),
            ));
        }
        let deadline = self.lanes.deadline;
        if let Some(found) = deadline.filter(|d| !(1..=DEADLINE_MS_MAX).contains(&d.as_ms())) {
            let reason = format!("`{found}` is not from 1ms to 1m");
            return Err(("[lanes] deadline", reason));
        }
        let (state, store) = self.state.validate(base)?;
        let http = self.http.address()?;
        directives::check(&self.log.level).map_err(|reason| ("[log] level", reason))?;
        let mut kafka = self.kafka;
        kafka.start_paths_at(base);
        let mut sink = self.sink;
        if let Some(sink) = &mut sink {
            sink.start_paths_at(base);
            topics::check(self.consumer.as_ref(), sink, &kafka)?;
            once::check(self.consumer.as_ref(), sink, &kafka)?;
        }
        let consumer = self.consumer.map(|mut consumer| {
            consumer.properties.start_paths_at(base);
            for (name, value) in &kafka.0 {
                consumer
                    .properties
                    .0
                    .entry(name.clone())
                    .or_insert_with(|| value.clone());
            }
            consumer
        });
        Ok(Config {
            kafka,
            consumer,
            letter_mask: self.dead_letters.mask(&decode),
            decode,
            stages,
            labels: self.labels,
            reference,
            engine: EngineSettings {
                time: self.time,
                state,
                id_secret: self.ids.validate(base)?,
            },
            store,
            models,
            scoring: self.scoring,
            sink,
            threads,
            deadline: deadline.map(DurationMs::as_std),
            http,
            log: self.log,
            notices: Vec::new(),
        })
    }

    fn check_labels(&self) -> Result<(), (&'static str, String)> {
        let Some(labels) = &self.labels else {
            return Ok(());
        };
        labels.validate().map_err(|reason| ("[labels]", reason))?;
        if self.scoring.record_types.contains(RecordKind::Label) {
            let reason = "`label` cannot be scored where [labels] makes labels of a column: these are no \
                          records with a position; take one of the two out";
            return Err(("[scoring] record_types", reason.into()));
        }
        Ok(())
    }
}

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
