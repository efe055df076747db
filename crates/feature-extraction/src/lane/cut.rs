//! A lane's state on its way out, cut by cut: what it keeps besides keys at once, keys that were touched a
//! few at a time.

use tillwatch_records::{Entries, Space};

use super::feature_lane::FeatureLane;
use super::own::Own;
use crate::part::{self, Meaning};
use crate::plan::{Identities, Shape};
use crate::state::Cohorts;

impl FeatureLane {
    /// Follows which keys and cohorts are touched, so that cuts can be made; `stage` is the lane's position
    /// in its chain, which numbers the spaces of its entries. All that the lane holds counts as touched, and
    /// as unknown to any store, so the next cut is whole. Where a store has what is restored, this comes
    /// before [`FeatureLane::begin_restore`]. A cut under way is lost. Scores do not depend on it.
    pub fn track(&mut self, stage: u16) {
        self.keys.track(Space::keys(stage));
        for cohorts in &mut self.cohorts {
            cohorts.track(Space::cohorts(stage));
        }
        // No cut has to wait for it.
        self.shape();
        self.is_tracked = true;
        self.is_cutting = false;
    }

    /// What decides the meaning of the lane's state: its [ground](FeatureLane::ground), the catalog, what
    /// earlier stages make of records, and for how long they are kept. State of another meaning is that of
    /// another catalog.
    pub fn meaning(&self) -> u64 {
        self.meant().whole
    }

    /// What decides which records the lane takes and which keys it has: the entity key, the kinds of record
    /// that features read, how late a record may be, for how long event ids are kept, the secret of event
    /// ids, and the format. State of another ground is refused.
    pub fn ground(&self) -> u64 {
        self.meant().ground
    }

    pub(super) fn meant(&self) -> Meaning {
        Meaning::of(&self.plan, &self.key, &self.origins)
    }

    /// How the lane's state is made up.
    pub(super) fn shape(&self) -> &Shape {
        let identities = Identities::new(&self.plan, &self.origins);
        self.shape
            .get_or_init(|| Shape::of(&self.plan, &identities))
    }

    /// Begins a cut where the lane stands: appends what it keeps besides keys and cohorts to `part`, and
    /// freezes the list of those that were touched since the cut before. Gives whether it did: not
    /// where nothing is tracked, while state is restored, or while a cut is under way. Takes the same time
    /// however many keys there are.
    pub fn begin_cut(&mut self, part: &mut Vec<u8>) -> bool {
        if !self.is_tracked || self.is_cutting || self.restoring.is_some() {
            return false;
        }
        let own = self.own();
        part::write(part, self.meant(), self.shape(), |out| own.write(out));
        self.keys.begin_cut();
        for cohorts in &mut self.cohorts {
            cohorts.begin_cut();
        }
        self.is_cutting = true;
        true
    }

    /// Goes on with the cut under way: appends entries to `out`, as of where it began. Looks at `keys_max`
    /// frozen keys and cohorts at most, and gives what was touched before its turn in any case. Gives
    /// whether nothing of a cut is left.
    pub fn continue_cut(&mut self, out: &mut Entries, keys_max: usize) -> bool {
        if !self.is_cutting {
            return true;
        }
        let mut left = keys_max;
        left -= self.keys.continue_cut(&self.plan, out, left);
        let mut is_whole = self.keys.is_cut_whole();
        for cohorts in &mut self.cohorts {
            left -= cohorts.continue_cut(out, left);
            is_whole &= cohorts.is_cut_whole();
        }
        self.is_cutting = !is_whole;
        is_whole
    }

    /// Bytes of entries of the cut under way that [`FeatureLane::continue_cut`] has still to give because
    /// their keys were touched before their turn. They grow while it is not called.
    pub fn waiting_bytes(&self) -> usize {
        let cohorts: usize = self.cohorts.iter().map(Cohorts::waiting_bytes).sum();
        self.keys.waiting_bytes() + cohorts
    }

    /// Gives the cut under way up: its waiting entries are dropped. Until it says that nothing is left,
    /// [`FeatureLane::continue_cut`] then gives no entries, and lets frozen keys be of the next cut. Entries
    /// that it gave before stay right: the next cut has what is newer.
    pub fn abandon_cut(&mut self) {
        if self.is_cutting {
            self.keys.give_up_cut();
            for cohorts in &mut self.cohorts {
                cohorts.give_up_cut();
            }
        }
    }

    /// What a part says of the lane.
    fn own(&self) -> Own {
        let Self {
            // As they are configured, and part of the meaning or of no effect on state.
            plan: _,
            key: _,
            scored: _,
            keys,
            cohorts,
            watermark_ms,
            edit_ends_ms,
            clock,
            // The latest of those of its ratios.
            cohorts_end_ms: _,
            // Counted for metrics, from where the process began.
            stats: _,
            // Room to work in.
            scratch: _,
            chunk: _,
            // Of no key.
            blank: _,
            // How cuts and restoring go on.
            is_tracked: _,
            is_cutting: _,
            restoring: _,
            // Of the stages before, and what follows from them and the plan.
            origins: _,
            shape: _,
        } = self;
        Own {
            watermark_ms: *watermark_ms,
            edit_ends_ms: *edit_ends_ms,
            clock: *clock,
            keys: keys.own(),
            cohorts: cohorts.iter().map(Cohorts::own).collect(),
        }
    }
}
