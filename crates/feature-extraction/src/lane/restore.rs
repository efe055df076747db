//! A lane's state on its way in: a part, the entries that were merged up to its cut, and the end.

use tillwatch_records::{Entry, Space};

use super::feature_lane::FeatureLane;
use super::own::Own;
use crate::error::{SnapshotError, damaged};
use crate::part;
use crate::state::Cohorts;

impl FeatureLane {
    /// Puts away what the lane held and takes over a part that [`FeatureLane::begin_cut`] gave. The entries
    /// of keys and cohorts follow, each that is live at that cut once and in any order, then
    /// [`FeatureLane::end_restore`]; before that no record may come. What is restored counts as not touched,
    /// and as known to the store.
    ///
    /// # Errors
    /// The bytes are not a part of a lane of the same [meaning](FeatureLane::meaning), or are damaged. A lane
    /// that refused a part or an entry is of no use any more.
    pub fn begin_restore(&mut self, part: &[u8]) -> Result<(), SnapshotError> {
        let payload = part::open(part, self.meaning())?;
        let own = Own::read_from(&self.plan, &payload);
        let own = own.ok_or(damaged("what the lane keeps besides its keys"))?;
        let bytes_max = self.plan.settings.state.max_bytes.0;
        self.watermark_ms = own.watermark_ms;
        self.cohorts_end_ms = own.cohorts_end_ms;
        self.clock = own.clock;
        self.keys.begin_restore(&self.plan, &own.keys, bytes_max);
        for (cohorts, room) in self.cohorts.iter_mut().zip(&own.cohorts) {
            cohorts.begin_restore(*room);
        }
        self.is_cutting = false;
        self.restoring = Some(own);
        Ok(())
    }

    /// Takes the state of a key or a cohort from `entry`.
    ///
    /// # Errors
    /// No part came before, or the entry is damaged, is there already, or is of another space.
    pub fn restore(&mut self, entry: &Entry<'_>) -> Result<(), SnapshotError> {
        if self.restoring.is_none() {
            return Err(damaged("an entry without a part before it"));
        }
        let stage = entry.space.stage();
        let stage = stage.ok_or(damaged("an entry that is of no stage"))?;
        if entry.space == Space::keys(stage) {
            return self.keys.restore(&self.plan, entry, self.clock);
        }
        let ratio = Cohorts::ratio_of(entry).and_then(|ratio| self.cohorts.get_mut(ratio));
        let restored = ratio.and_then(|cohorts| cohorts.restore(entry));
        restored.ok_or(damaged("the state of a cohort"))
    }

    /// Ends what [`FeatureLane::begin_restore`] began: the lane goes on from the cut as the one that made it
    /// did.
    ///
    /// # Errors
    /// Keys or cohorts are missing, or there are too many.
    pub fn end_restore(&mut self) -> Result<(), SnapshotError> {
        let own = self.restoring.take();
        let own = own.ok_or(damaged("an end without a part before it"))?;
        let bytes_max = self.plan.settings.state.max_bytes.0;
        self.keys.end_restore(&self.plan, &own.keys, bytes_max)?;
        let mut cohorts = self.cohorts.iter().zip(own.cohorts);
        if cohorts.all(|(cohorts, room)| cohorts.is_restored(room)) {
            Ok(())
        } else {
            Err(damaged("cohorts are missing, or there are too many"))
        }
    }
}
