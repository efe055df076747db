//! The lanes in the store that a configuration names.

use anyhow::{Context as _, Result};
use serde::Serialize;
use tillwatch_state_store::{LaneId, LaneStore, Manifest, Refused, StateStore};

use crate::cli::snapshot::LanesArgs;
use crate::config::Config;
use crate::exit;
use crate::store;

/// A store, and which of its lanes are meant.
pub struct Lanes {
    pub config: Config,
    pub store: StateStore,
    /// By group, topics and partition.
    pub ids: Vec<LaneId>,
}

/// A snapshot as the commands print it.
#[derive(Debug, Serialize)]
pub struct Place {
    pub topics: Vec<String>,
    pub partition: i32,
    /// The snapshot's name in the store.
    pub snapshot: String,
    /// The next offset of each topic.
    pub offsets: Vec<i64>,
}

impl Lanes {
    /// The lanes of the configuration's group and topics that the store has.
    pub fn open(args: &LanesArgs) -> Result<Self> {
        let mut config = Config::load(&args.config.config)?;
        if args.stage.is_some() || config.stages.iter().count() == 1 {
            let stage = config.stages.alone(args.stage.as_deref());
            config.stages = stage.map_err(exit::misconfigured)?;
        }
        let settings = config.store.as_ref().context(exit::Misconfigured(
            "[state] store is \"off\": there are no snapshots".into(),
        ))?;
        let consumer = config.consumer.as_ref().context(exit::Misconfigured(
            "there is no [consumer] table; snapshots belong to its topics and group".into(),
        ))?;
        let store = store::open(settings).map_err(exit::misconfigured)?;
        let mut ids = store.lanes()?;
        ids.retain(|id| {
            let is_ours = id.group == consumer.group && id.topics == consumer.topics;
            is_ours
                && args
                    .partition
                    .is_none_or(|partition| partition == id.partition)
        });
        Ok(Self { config, store, ids })
    }

    /// Each lane with what is stored of it.
    pub fn each(&self) -> impl Iterator<Item = (&LaneId, LaneStore)> {
        self.ids.iter().map(|id| (id, self.store.lane(id)))
    }
}

impl Place {
    pub fn of(manifest: &Manifest) -> Self {
        let marks = manifest.head().sources.iter();
        Self {
            topics: manifest.lane().topics.clone(),
            partition: manifest.lane().partition,
            snapshot: manifest.name(),
            offsets: marks.map(|mark| mark.offset).collect(),
        }
    }

    /// Of what cannot be read.
    pub fn refused(id: &LaneId, refused: &Refused) -> Self {
        Self {
            topics: id.topics.clone(),
            partition: id.partition,
            snapshot: refused.name.clone(),
            offsets: Vec::new(),
        }
    }

    /// Topics, partition and offsets as fields.
    pub fn fields(&self) -> Vec<String> {
        let offsets: Vec<String> = self.offsets.iter().map(ToString::to_string).collect();
        vec![
            self.topics.join("+"),
            self.partition.to_string(),
            offsets.join("-"),
        ]
    }
}
