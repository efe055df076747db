//! What every lane shares.

use std::sync::Arc;
use std::time::Duration;

use rayon::ThreadPool;
use tillwatch_consumer::{History, Inlet};
use tillwatch_engine::{Assembly, Lane};
use tillwatch_records::TopicPartition;
use tillwatch_sink::{LetterMask, Sink};

use super::spread::Spread;
use crate::serve::metrics::Metrics;
use crate::serve::standing::Standings;
use crate::serve::state::Keeping;
use crate::serve::workspaces::Workspaces;

/// What every lane shares.
pub struct Shared {
    pub assembly: Arc<Assembly>,
    pub sink: Arc<dyn Sink>,
    /// What hides card numbers in dead letters; `None` where they show records as they came.
    pub letter_mask: Option<LetterMask>,
    pub metrics: Arc<Metrics>,
    /// Says how new the records are that a lane without state has not read.
    pub past: Box<dyn History>,
    pub pool: ThreadPool,
    /// One for each thread of the pool.
    pub workspaces: Arc<Workspaces>,
    /// How old a batch may be before less is asked of it; `None` for no limit.
    pub deadline: Option<Duration>,
    /// Where state is kept; `None` where it is not.
    pub keeping: Option<Keeping>,
    /// What snapshots say of how keys were spread over partitions.
    pub spread: Spread,
    /// The lanes that do not score yet.
    pub standings: Arc<Standings>,
}

impl Shared {
    /// A lane without state for the records of `inlet`, the first of which is at `start_offset`.
    pub fn lane(&self, inlet: &Inlet, start_offset: i64) -> Lane {
        let mut lane = self.assembly.lane(start_offset);
        if inlet.sources().len() > 1 {
            let topics: Vec<Arc<str>> = inlet
                .sources()
                .map(|source| Arc::clone(&source.topic))
                .collect();
            lane.merge(&topics);
        }
        lane
    }

    /// The lane of `source` scores; counts how long it took, where it had not scored before.
    pub fn note_scores(&self, source: &TopicPartition) {
        if let Some(took) = self.standings.end(source) {
            self.metrics.state().observe_restore(took);
        }
    }
}
