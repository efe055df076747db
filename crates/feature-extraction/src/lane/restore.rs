//! A lane's state on its way in: a part, the entries that were merged up to its cut, and the end.

use tillwatch_records::{Entry, Space};

use super::derived::derive;
use super::edited::Edited;
use super::feature_lane::FeatureLane;
use super::own::{Own, Restoring};
use crate::error::{SnapshotError, damaged};
use crate::part;
use crate::plan::{Edit, Identities, Shape};
use crate::state::Cohorts;
use crate::times::NEVER_MS;

impl FeatureLane {
    /// Puts away what the lane held and takes over a part that [`FeatureLane::begin_cut`] gave. The entries
    /// of keys and cohorts follow, each that is live at that cut once and in any order, then
    /// [`FeatureLane::end_restore`]; before that no record may come. What is restored counts as not touched,
    /// and as known to the store.
    ///
    /// A part of another catalog is taken over as far as the two agree, and what is kept is told. No store
    /// knows keys so: then [`FeatureLane::track`] comes after the end.
    ///
    /// # Errors
    /// The bytes are not a part of a lane of the same [ground](FeatureLane::ground), or are damaged. A lane
    /// that refused a part or an entry is of no use any more.
    pub fn begin_restore(&mut self, part: &[u8]) -> Result<Option<Edited>, SnapshotError> {
        let opened = part::open(part, self.meant())?;
        let edit = opened.other.map(|before| self.edit(&before));
        let ratios = edit.as_ref().map(|edit| edit.before.cohorts);
        let own = Own::read_from(ratios.unwrap_or(self.cohorts.len()), &opened.own);
        let mut own = own.ok_or(damaged("what the lane keeps besides its keys"))?;
        if let Some(edit) = &edit {
            own = own.after(edit);
        }
        let bytes_max = self.plan.settings.state.max_bytes.0;
        self.watermark_ms = own.watermark_ms;
        self.edit_ends_ms = own.edit_ends_ms;
        self.clock = own.clock;
        self.keys.begin_restore(&self.plan, &own.keys, bytes_max);
        for (cohorts, own) in self.cohorts.iter_mut().zip(&own.cohorts) {
            cohorts.begin_restore(*own);
        }
        let ends_ms = self.cohorts.iter().map(|cohorts| cohorts.end_ms);
        self.cohorts_end_ms = ends_ms.max().unwrap_or(NEVER_MS);
        self.is_cutting = false;
        let edited = edit.as_ref().map(|edit| Edited::of(&self.plan, edit));
        self.restoring = Some(Restoring { own, edit });
        Ok(edited)
    }

    /// What [`FeatureLane::begin_restore`] would keep of a part of another catalog; nothing where the catalog
    /// is the same.
    ///
    /// # Errors
    /// As there. The lane stays as it is.
    pub fn edited_of(&self, part: &[u8]) -> Result<Option<Edited>, SnapshotError> {
        let opened = part::open(part, self.meant())?;
        let edit = opened.other.map(|before| self.edit(&before));
        Ok(edit.map(|edit| Edited::of(&self.plan, &edit)))
    }

    /// Takes the state of a key or a cohort from `entry`.
    ///
    /// # Errors
    /// No part came before, or the entry is damaged, is there already, or is of another space.
    pub fn restore(&mut self, entry: &Entry<'_>) -> Result<(), SnapshotError> {
        let restoring = self.restoring.as_ref();
        let restoring = restoring.ok_or(damaged("an entry without a part before it"))?;
        let edit = restoring.edit.as_ref();
        let stage = entry.space.stage();
        let stage = stage.ok_or(damaged("an entry that is of no stage"))?;
        if entry.space == Space::keys(stage) {
            let index = self.keys.restore(&self.plan, entry, (self.clock, edit))?;
            if edit.is_some() {
                let mut parts = self.keys.parts(&self.plan, index, None);
                let before = parts.bytes();
                derive(&self.plan, &mut parts);
                let after = parts.bytes();
                self.keys.settle(index, before, after);
            }
            return Ok(());
        }
        let mut ratio = Cohorts::ratio_of(entry);
        if let (Some(edit), Some(was)) = (edit, ratio) {
            if was < edit.before.cohorts && !edit.cohorts.contains(&ratio) {
                // No feature reads it any more.
                return Ok(());
            }
            ratio = edit.cohorts.iter().position(|known| *known == Some(was));
        }
        let cohorts = ratio.and_then(|ratio| self.cohorts.get_mut(ratio));
        let restored = cohorts.and_then(|cohorts| cohorts.restore(entry));
        restored.ok_or(damaged("the state of a cohort"))
    }

    /// Ends what [`FeatureLane::begin_restore`] began: the lane goes on from the cut as the one that made it
    /// did.
    ///
    /// # Errors
    /// Keys or cohorts are missing, or there are too many.
    pub fn end_restore(&mut self) -> Result<(), SnapshotError> {
        let restoring = self.restoring.take();
        let Restoring { own, edit: _ } =
            restoring.ok_or(damaged("an end without a part before it"))?;
        let bytes_max = self.plan.settings.state.max_bytes.0;
        self.keys.end_restore(&self.plan, &own.keys, bytes_max)?;
        let mut cohorts = self.cohorts.iter().zip(own.cohorts);
        if cohorts.all(|(cohorts, own)| cohorts.is_restored(own)) {
            Ok(())
        } else {
            Err(damaged("cohorts are missing, or there are too many"))
        }
    }

    /// What becomes of state that was made up as `before` says.
    fn edit(&self, before: &Shape) -> Edit {
        let identities = Identities::new(&self.plan, &self.origins);
        Edit::new(&self.plan, &identities, (before, self.shape()))
    }
}
