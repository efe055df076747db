//! A lane made of a snapshot.

use std::fmt::Display;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use tillwatch_engine::{Lane, RestoreError, Restored};
use tillwatch_records::TopicPartition;
use tillwatch_state_store::{LaneStore, Manifest, Refused, StoreError};

use crate::serve::metrics::PassedOver;

/// What reading a snapshot has come to.
pub enum Attempt {
    /// The lane stands where the snapshot was made.
    Whole {
        restored: Restored,
        /// Keys that were put into it.
        entries: u64,
    },
    /// Nobody needs it any more.
    Stopped,
}

/// Why a snapshot is passed over.
#[derive(Debug, thiserror::Error)]
pub enum RestoreFailure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Lane(#[from] RestoreError),
    /// It holds a record that comes behind one that it lacks: its state is not what follows from the logs.
    #[error("the record at offset {offset} of {partition} belongs before one that it holds")]
    Reordered {
        partition: TopicPartition,
        offset: i64,
    },
}

impl RestoreFailure {
    /// The same as a metric's label.
    pub fn reason(&self) -> PassedOver {
        match self {
            Self::Store(error) => PassedOver::of_store(error),
            Self::Lane(_) => PassedOver::Refused,
            Self::Reordered { .. } => PassedOver::Reordered,
        }
    }
}

/// Entries between two looks at whether the lane is still wanted.
const LOOK_ENTRIES: u64 = 1024;

/// Puts what `manifest` names into `lane`, which is new. `judge` sees the lane before its keys are read,
/// which takes long, and may refuse it. `go_on` is told how many bytes were read, and says whether to go on.
/// After an error the lane is of no use.
pub fn restore(
    lane: &mut Lane,
    store: &LaneStore,
    manifest: &Manifest,
    judge: impl FnOnce(&Lane) -> Result<(), RestoreFailure>,
    mut go_on: impl FnMut(u64) -> bool,
) -> Result<Attempt, RestoreFailure> {
    let restored = lane.begin_restore(&store.parts(manifest)?)?;
    judge(lane)?;
    let mut put = 0;
    let mut failed = None;
    let mut is_stopped = false;
    let read = AtomicU64::new(0);
    store.entries(manifest, &read, |entry| {
        if let Err(error) = lane.restore(entry) {
            failed = Some(error);
            return ControlFlow::Break(());
        }
        put += 1;
        if put % LOOK_ENTRIES == 0 && !go_on(read.load(Ordering::Relaxed)) {
            is_stopped = true;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    if is_stopped {
        return Ok(Attempt::Stopped);
    }
    lane.end_restore()?;
    if !restored.edited.is_empty() {
        // The store knows the keys as another catalog had them.
        lane.track();
    }
    Ok(Attempt::Whole {
        restored,
        entries: put,
    })
}

/// Says why the lane of `source` does not take a snapshot, and gives the reason: damage as a warning, since
/// somebody has to look for its cause.
pub fn pass_over(source: &TopicPartition, refused: &Refused) -> PassedOver {
    let reason = PassedOver::of(&refused.why);
    match reason.is_damage() {
        true => say_unusable(source, &refused.name, &refused.why),
        false => tracing::info!(
            topic = &*source.topic,
            partition = source.partition,
            snapshot = refused.name,
            reason = %refused.why,
            "a snapshot is passed over"
        ),
    }
    reason
}

/// Says that a snapshot was tried, or found damaged, and why it is of no use.
pub fn say_unusable(source: &TopicPartition, snapshot: &str, error: &dyn Display) {
    tracing::warn!(
        topic = &*source.topic,
        partition = source.partition,
        snapshot,
        %error,
        "a snapshot cannot be used; an older one or the log takes its place"
    );
}
