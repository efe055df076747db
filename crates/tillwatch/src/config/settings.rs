//! What a configuration says, checked.

use std::net::SocketAddr;
use std::time::Duration;

use tillwatch_consumer::{ConsumerSettings, Properties};
use tillwatch_decode::DecodeSettings;
use tillwatch_feature_extraction::EngineSettings;
use tillwatch_scoring::ScoringSettings;
use tillwatch_sink::{LetterMask, SinksSettings};

use super::labels::LabelSettings;
use super::models::ModelSettings;
use super::reference::ReferenceSettings;
use super::stages::Stages;
use super::state::StoreSettings;
use crate::log::LogSettings;

/// A configuration whose every value has been checked by itself. Whether catalog, models and topics
/// agree with it is found out by `Setup::load` and by connecting.
#[derive(Debug)]
pub struct Config {
    /// librdkafka properties that consumer and sink share.
    pub kafka: Properties,
    /// Where records come from, with the shared properties filled in; only `run` needs it.
    pub consumer: Option<ConsumerSettings>,
    pub decode: DecodeSettings,
    /// What state is kept per, and which features are computed of it.
    pub stages: Stages,
    /// The column of a file that holds the outcome of each transaction, if one does.
    pub labels: Option<LabelSettings>,
    /// Reference data that is joined to every record, if there is any.
    pub reference: Option<ReferenceSettings>,
    pub engine: EngineSettings,
    /// Where snapshots of state are kept, for `run`; `None` when switched off.
    pub store: Option<StoreSettings>,
    pub models: ModelSettings,
    pub scoring: ScoringSettings,
    /// Where scores go; only `run` needs it.
    pub sink: Option<SinksSettings>,
    /// What hides card numbers in dead letters; `None` where they show records as they came.
    pub letter_mask: Option<LetterMask>,
    /// Threads that lanes run on; at least one.
    pub threads: usize,
    /// How old a batch may be when it is scored before less is asked of it; `None` for no limit.
    pub deadline: Option<Duration>,
    /// Address of `/metrics`, `/healthz` and `/readyz`; `None` when switched off.
    pub http: Option<SocketAddr>,
    pub log: LogSettings,
    /// What still works and is to be written otherwise, each in a sentence.
    pub notices: Vec<String>,
}
