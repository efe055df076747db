//! Where snapshots of the one lane that is measured lie, and what they say of themselves.

use std::path::Path;

use tillwatch_engine::Lane;
use tillwatch_state_store::{CutHead, LaneId, LaneStore, SourceMark, StateStore};

const TOPIC: &str = "transactions";

/// The lane's snapshots in a directory.
pub fn snapshots(directory: &Path) -> LaneStore {
    let store = StateStore::open(directory.to_str().unwrap(), []).unwrap();
    store.lane(&LaneId {
        group: "bench".to_owned(),
        topics: vec![TOPIC.to_owned()],
        partition: 0,
    })
}

/// What a cut of `lane` at `offset` says of itself.
pub fn head(lane: &Lane, offset: u64) -> CutHead {
    CutHead {
        sources: vec![mark(offset)],
        meaning: lane.meaning(),
        models: lane.models().lineup().versions().model.clone(),
        made_by: "bench".to_owned(),
        made_at_ms: 0,
    }
}

/// The lane's only source at `offset`.
pub fn mark(offset: u64) -> SourceMark {
    SourceMark {
        topic: TOPIC.to_owned(),
        offset: i64::try_from(offset).unwrap(),
        topic_id: None,
        partitions: None,
    }
}
