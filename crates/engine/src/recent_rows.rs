//! The last rows of every lane, for other line-ups to be tried on.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tillwatch_records::FeatureBatch;
use tillwatch_scoring::{RECENT_BYTES, Recent};

/// Bytes that a lane may keep of rows, however many lanes there are: about twenty rows. Fewer take little
/// less, since each of two hundred columns takes room by itself.
const LANE_BYTES_MIN: usize = 64 * 1024;

/// The last rows of each lane.
#[derive(Debug)]
pub(crate) struct RecentRows {
    /// Rows that line-ups are tried on, above 0. Each lane keeps its share of them, and of
    /// [`RECENT_BYTES`].
    rows: usize,
    /// Those of lanes that are no more are dropped when another one comes.
    lanes: Mutex<Vec<Weak<Mutex<Recent>>>>,
}

impl RecentRows {
    /// Keeps about `rows` rows of all lanes in equal parts; `None` for none.
    pub(crate) fn new(rows: usize) -> Option<Self> {
        (rows > 0).then(|| Self {
            rows,
            lanes: Mutex::default(),
        })
    }

    /// Room for the rows of a new lane, for which the others make room.
    pub(crate) fn lane(&self) -> Arc<Mutex<Recent>> {
        let mut lanes = self.lanes.lock();
        lanes.retain(|lane| lane.strong_count() > 0);
        let count = lanes.len() + 1;
        let (rows, bytes) = (
            self.rows.div_ceil(count),
            (RECENT_BYTES / count).max(LANE_BYTES_MIN),
        );
        for lane in lanes.iter().filter_map(Weak::upgrade) {
            lane.lock().shrink(rows, bytes);
        }
        let recent = Arc::new(Mutex::new(Recent::new(rows, bytes)));
        lanes.push(Arc::downgrade(&recent));
        recent
    }

    /// The newest rows, each lane's in the order in which it scored them. A lane waits no longer than it
    /// takes to list its batches.
    pub(crate) fn newest(&self) -> Vec<Arc<FeatureBatch>> {
        let lanes: Vec<_> = self.lanes.lock().iter().filter_map(Weak::upgrade).collect();
        let each = self.rows.div_ceil(lanes.len().max(1));
        let mut batches: Vec<Arc<FeatureBatch>> = Vec::new();
        for lane in lanes {
            let kept: Vec<Arc<FeatureBatch>> = lane.lock().batches().cloned().collect();
            let mut rows = 0;
            // One batch at least, whatever share of the rows it is.
            let newest = kept.into_iter().rev().take_while(|batch| {
                let is_room = rows < each;
                rows += batch.len();
                is_room
            });
            let first = batches.len();
            batches.extend(newest);
            batches[first..].reverse();
        }
        batches
    }
}
