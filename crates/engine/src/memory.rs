//! What a lane takes of memory.

/// Bytes that a lane takes, by what they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LaneMemory {
    /// State that features are computed from, of all stages: what `state.max_bytes` bounds.
    pub features: u64,
    /// What its learning models know, cool-downs of alerts, and what a cut under way has of both.
    pub models: u64,
    /// Keys' state that a cut under way holds until it is taken.
    pub cut: u64,
    /// Rows kept for other models to be tried on.
    pub recent: u64,
}

/// A lane's own parts, whatever it has seen: the frames of its key table, names of columns, positions of
/// inputs. Measured with the shipped catalog and models, rounded up.
pub const LANE_BYTES: u64 = 64 * 1024;

impl LaneMemory {
    /// All of it, the lane's own parts included.
    pub fn total(&self) -> u64 {
        LANE_BYTES + self.features + self.models + self.cut + self.recent
    }
}
