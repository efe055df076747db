//! A lane's cuts, written and read back.

mod damage;
mod directory;
mod faults;
mod faulty;
mod fixture;
mod silent;
mod upkeep;

use proptest::prelude::*;

use self::fixture::{Keys, MEANING, any_changes, apply, cut, lane_id, mark, memory, parts, read};

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Every manifest gives the keys at its position, whatever was merged, given up or gone on from.
    #[test]
    fn a_cut_gives_the_keys_at_its_position(
        cuts in prop::collection::vec((any_changes(), 0_u8..4), 1..12),
    ) {
        let lane = memory().lane(&lane_id());
        let mut writer = lane.writer(None);
        let (mut keys, mut written) = (Keys::new(), Vec::new());
        for ((changes, what), offset) in cuts.iter().zip(1..) {
            apply(&mut keys, changes);
            if *what == 0 {
                writer.chunk(&mut fixture::entries(changes)).unwrap();
                writer.abandon().unwrap();
                continue;
            }
            let manifest = cut(&mut writer, offset, changes).unwrap();
            if *what == 1 {
                writer = lane.writer(Some(manifest.clone()));
            }
            while *what == 2 && writer.merge_due() {
                writer.merge().unwrap();
            }
            written.push((manifest, keys.clone()));
        }
        for (manifest, keys) in &written {
            prop_assert_eq!(&read(&lane, manifest).unwrap(), keys);
            let verified = lane.verify(manifest).unwrap();
            prop_assert_eq!(verified.live, keys.len() as u64);
            let offset = manifest.head().sources[0].offset;
            prop_assert_eq!(lane.parts(manifest).unwrap(), parts(offset));
            let found = lane.newest_usable(MEANING, &[mark(offset)]).unwrap();
            prop_assert_eq!(found.manifest.as_ref(), Some(manifest));
        }
    }
}

/// A writer may go from thread to thread; what only reads may be used by several.
#[test]
fn what_is_handed_between_threads_may_be() {
    const fn sent<T: Send>() {}
    const fn shared<T: Send + Sync>() {}
    sent::<crate::Cleaning>();
    sent::<crate::LaneWriter>();
    sent::<crate::Merging>();
    sent::<crate::Merged>();
    shared::<crate::StateStore>();
    shared::<crate::LaneStore>();
    shared::<crate::Manifest>();
}
