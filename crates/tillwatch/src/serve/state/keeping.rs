//! What all lanes need whose state is kept.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rayon::ThreadPool;
use tillwatch_consumer::{Inlet, Monitor};
use tillwatch_engine::Assembly;
use tillwatch_records::TopicPartition;
use tillwatch_state_store::{LaneId, LaneStore, StateStore};

use super::silence::StoreSilence;
use super::uploads::Uploads;
use crate::config::StoreSettings;
use crate::serve::metrics::StateCounts;

/// Lanes that are restored at once. Each has a thread that reads ahead as well, so that more would only take
/// processors from the lanes that score.
const RESTORES_MAX: usize = 4;

/// Where state is kept, and who brings it there and back.
pub struct Keeping {
    pub store: StateStore,
    pub settings: StoreSettings,
    /// The consumer group, which lanes belong to.
    pub group: String,
    /// What decides the meaning of state, see [`Lane::meaning`](tillwatch_engine::Lane::meaning).
    pub meaning: String,
    /// Records that are older than the newest one by more than this many milliseconds say nothing of what
    /// comes.
    pub needed_ms: i64,
    /// Whether anything that keys remember outlives windows, so that no part of the log says all of it.
    pub outlives_windows: bool,
    pub uploads: Uploads,
    /// Threads that lanes are restored on.
    pub restores: ThreadPool,
    /// What they have found of a store that does not answer.
    pub silence: Arc<StoreSilence>,
    pub counts: Arc<StateCounts>,
    /// The consumer seen from outside: what the group has committed.
    pub monitor: Arc<Monitor>,
}

impl Keeping {
    /// Starts the threads. `threads` are those that lanes score on.
    pub fn start(
        store: StateStore,
        settings: StoreSettings,
        group: String,
        assembly: &Assembly,
        threads: usize,
        counts: &Arc<StateCounts>,
        monitor: &Arc<Monitor>,
    ) -> Result<Self> {
        let restores = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.min(RESTORES_MAX))
            .thread_name(|index| format!("restore-{index}"))
            .build()
            .context("cannot start the threads that restore lanes")?;
        let uploads = Uploads::start(Arc::clone(counts), Arc::clone(monitor))
            .context("cannot start the thread that writes snapshots")?;
        Ok(Self {
            store,
            settings,
            group,
            meaning: assembly.lane(0).meaning(),
            needed_ms: needed_ms(assembly),
            outlives_windows: assembly.stages().any(|stage| stage.plan.outlives_windows()),
            uploads,
            restores,
            silence: Arc::default(),
            counts: Arc::clone(counts),
            monitor: Arc::clone(monitor),
        })
    }

    /// The name of the lane of `inlet`.
    pub fn lane_id(&self, inlet: &Inlet) -> LaneId {
        LaneId {
            group: self.group.clone(),
            topics: inlet
                .sources()
                .map(|source| source.topic.to_string())
                .collect(),
            partition: inlet.source().partition,
        }
    }

    /// What the group has committed of `source`, if that is known.
    pub fn committed(&self, source: &TopicPartition) -> Option<i64> {
        let partitions = self.monitor.stats().partitions;
        let found = partitions.into_iter().find(|found| found.source == *source);
        found.and_then(|found| found.committed)
    }

    /// Where the snapshots of a lane are.
    pub fn lane_store(&self, id: &LaneId) -> LaneStore {
        self.store.lane(id)
    }

    /// When the first cut of a lane is due: partitions take turns within an interval.
    pub fn first_cut(&self, partition: i32) -> Duration {
        // Multiples of the golden ratio spread evenly, whatever partitions there are.
        let turn = (f64::from(partition) * 0.618_033_988_75).fract();
        self.settings.interval.mul_f64(0.5 + turn / 2.0)
    }
}

/// A time far from both ends of those that a lane knows, in milliseconds since 1970.
const SOME_TIME_MS: i64 = 1_700_000_000_000;

/// How far back records matter, in milliseconds: a lane that knows nothing from before a time says when it is
/// whole. A late record looks back from its own time.
fn needed_ms(assembly: &Assembly) -> i64 {
    let mut lane = assembly.lane(1);
    lane.begin_after(SOME_TIME_MS);
    let warm_at_ms = lane.stats().warm_at_ms.unwrap_or(SOME_TIME_MS);
    let lateness_ms = assembly.stages().map(|stage| stage.plan.lateness_ms());
    (warm_at_ms - SOME_TIME_MS).saturating_add(lateness_ms.max().unwrap_or(0))
}
