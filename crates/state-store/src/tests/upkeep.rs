//! Clean-up, merging and several writers.

use std::cell::{Cell, OnceCell, RefCell};
use std::time::Duration;

use proptest::prelude::*;

use super::faulty::Faulty;
use super::fixture::{
    Changes, Keys, MEANING, any_changes, apply, changes, cut, head, lane_id, mark, parts, read,
};
use crate::{CutHead, LaneWriter, Manifest};

const HOUR: Duration = Duration::from_secs(3600);

/// Milliseconds of so many minutes.
const fn minutes(minutes: u64) -> u64 {
    minutes * 60_000
}

fn offset(manifest: &Manifest) -> i64 {
    manifest.head().sources[0].offset
}

fn reached(committed: i64) -> impl Fn(&Manifest) -> bool {
    move |manifest| manifest.may_be_used(MEANING, &[mark(committed)])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// The newest three usable cuts, and those that the group has not reached, are kept whole; what is
    /// named by none of them goes after an hour.
    #[test]
    fn clean_up_keeps_what_may_be_used(
        cuts in prop::collection::vec((any_changes(), any::<bool>(), 0_i64..4), 1..12),
    ) {
        let store = Faulty::default();
        let lane = store.store().lane(&lane_id());
        let mut writer = lane.writer(None);
        let (mut keys, mut written) = (Keys::new(), Vec::new());
        let mut committed = 0;
        for ((changes, merge, ahead), position) in cuts.iter().zip(1..) {
            store.set_clock(minutes(25) * u64::try_from(position).unwrap());
            apply(&mut keys, changes);
            written.push((cut(&mut writer, position, changes).unwrap(), keys.clone()));
            while *merge && writer.merge_due() {
                writer.merge().unwrap();
            }
            committed = committed.max(position - ahead);
            writer.collect(HOUR, reached(committed)).unwrap();
            let kept = written.iter().rev().filter(|(manifest, _)| offset(manifest) <= committed).take(3);
            let ahead = written.iter().filter(|(manifest, _)| offset(manifest) > committed);
            for (manifest, keys) in kept.chain(ahead) {
                prop_assert_eq!(&read(&lane, manifest).unwrap(), keys);
                lane.parts(manifest).unwrap();
            }
        }
        // Long after, with one more cut, only four manifests and what they name are left.
        store.set_clock(minutes(10_000));
        let last = cut(&mut writer, 1_000, &Changes::new()).unwrap();
        lane.collect(HOUR, reached(1_000)).unwrap();
        let (manifests, refused) = lane.manifests().unwrap();
        prop_assert_eq!(&manifests[0], &last);
        prop_assert!(refused.is_empty() && manifests.len() <= 3);
        let mut named: Vec<_> = manifests.iter().flat_map(|manifest| {
            let objects = manifest.objects().map(|object| object.object.clone());
            objects.chain([format!("cuts/{}", manifest.name())])
        }).collect();
        named.sort();
        named.dedup();
        let paths = store.paths();
        let there = paths.iter().map(|path| path.as_ref().replace("below/fraud/auth/3/", ""));
        prop_assert_eq!(there.collect::<Vec<_>>(), named);
    }

    /// Two instances that both believe that the lane is theirs spoil nothing.
    #[test]
    fn two_writers_at_once_give_readable_cuts(
        base in any_changes(),
        turns in prop::collection::vec((any::<bool>(), any_changes(), any::<bool>()), 1..12),
    ) {
        let store = Faulty::default();
        let lanes = [store.store().lane(&lane_id()), store.store().lane(&lane_id())];
        let mut keys = Keys::new();
        apply(&mut keys, &base);
        let first = cut(&mut lanes[0].writer(None), 1, &base).unwrap();
        let mut writers: Vec<(LaneWriter, Keys)> = lanes
            .iter()
            .map(|lane| (lane.writer(Some(first.clone())), keys.clone()))
            .collect();
        let mut written = vec![(first, keys)];
        for ((second, changes, merge), position) in turns.iter().zip(2..) {
            store.set_clock(minutes(u64::try_from(position).unwrap()));
            let (writer, keys) = &mut writers[usize::from(*second)];
            apply(keys, changes);
            written.push((cut(writer, position, changes).unwrap(), keys.clone()));
            if *merge {
                writer.merge().unwrap();
                writer.collect(HOUR, |_| true).unwrap();
            }
        }
        for (manifest, keys) in written.iter().rev().take(3) {
            prop_assert_eq!(&read(&lanes[1], manifest).unwrap(), keys);
        }
    }
}

#[test]
fn the_same_cut_twice_is_one() {
    let store = Faulty::default();
    let lane = store.store().lane(&lane_id());
    let changes = changes(0..9, "x");
    let one = cut(&mut lane.writer(None), 7, &changes).unwrap();
    let paths = store.paths();
    let head = CutHead {
        made_by: "another instance".to_owned(),
        ..head(7)
    };
    let mut other = lane.writer(None);
    other.chunk(&mut super::fixture::entries(&changes)).unwrap();
    assert_eq!(other.finish(&head, &parts(7)).unwrap(), one);
    assert_eq!(store.paths(), paths, "names say the content");
}

#[test]
fn a_cut_of_a_position_by_other_runs_is_kept_as_it_is() {
    let store = Faulty::default();
    let lane = store.store().lane(&lane_id());
    let mut long = lane.writer(None);
    cut(&mut long, 1, &changes(0..9, "x")).unwrap();
    let one = cut(&mut long, 2, &changes(0..4, "y")).unwrap();
    let mut keys = changes(0..9, "x");
    keys.extend(changes(0..4, "y"));
    let mut other = lane.writer(None);
    assert_eq!(cut(&mut other, 2, &keys).unwrap(), one);
    // The other one goes on from its own runs.
    let next = cut(&mut other, 3, &changes(8..9, "z")).unwrap();
    keys.extend(changes(8..9, "z"));
    let mut expected = Keys::new();
    apply(&mut expected, &keys);
    assert_eq!(read(&lane, &next).unwrap(), expected);
}

#[test]
fn tombstones_end_in_the_oldest_run() {
    let lane = Faulty::default().store().lane(&lane_id());
    let mut writer = lane.writer(None);
    let base = changes(0..4, "x");
    cut(&mut writer, 1, &base).unwrap();
    let gone: Changes = base.keys().map(|key| (key.clone(), None)).collect();
    let manifest = cut(&mut writer, 2, &gone).unwrap();
    assert_eq!(manifest.entries(), 8);
    while writer.merge_due() {
        writer.merge().unwrap();
    }
    let manifest = cut(&mut writer, 3, &Changes::new()).unwrap();
    assert_eq!(manifest.entries(), 0);
    assert!(manifest.runs().is_empty());
    assert!(read(&lane, &manifest).unwrap().is_empty());
}

#[test]
fn a_merge_that_is_stopped_changes_nothing() {
    let store = Faulty::default();
    let lane = store.store().lane(&lane_id());
    let mut writer = lane.writer(None);
    for position in 1..4 {
        cut(
            &mut writer,
            position,
            &changes(0..2_000, &format!("cut {position}")),
        )
        .unwrap();
    }
    let (runs, paths) = (writer.runs().to_vec(), store.paths());
    let merging = writer.merging().unwrap();
    assert!(merging.run(|| false).unwrap().is_none());
    assert_eq!((writer.runs(), store.paths()), (&runs[..], paths));
    // Cuts go on while another thread merges.
    let merging = writer.merging().unwrap();
    let merged = std::thread::spawn(move || merging.run(|| true).unwrap().unwrap());
    cut(&mut writer, 4, &changes(0..3, "y")).unwrap();
    writer.merged(merged.join().unwrap());
    let manifest = cut(&mut writer, 5, &Changes::new()).unwrap();
    assert!(manifest.runs().len() < 4);
    assert_eq!(read(&lane, &manifest).unwrap().len(), 2_000);
}

#[test]
fn a_clean_up_spares_what_is_written_again_meanwhile() {
    let store = Faulty::default();
    let lane = store.store().lane(&lane_id());
    // A cut without a manifest: its run is needed by nothing.
    let changes = changes(0..40, "x");
    let mut dead = lane.writer(None);
    dead.chunk(&mut super::fixture::entries(&changes)).unwrap();
    dead.abandon().unwrap();
    dead.chunk(&mut super::fixture::entries(&Changes::new()))
        .unwrap();
    let run = dead.runs()[0].clone();
    cut(&mut lane.writer(None), 1, &Changes::new()).unwrap();

    store.set_clock(minutes(600));
    let writer = RefCell::new(lane.writer(None));
    cut(&mut writer.borrow_mut(), 2, &Changes::new()).unwrap();
    let cleaning = writer.borrow().cleaning();
    let written = OnceCell::new();
    let collected = cleaning.run(
        HOUR,
        |_| {
            // All is listed, and nothing is deleted yet.
            written.get_or_init(|| cut(&mut writer.borrow_mut(), 3, &changes).unwrap());
            true
        },
        || true,
    );
    let written = written.get().unwrap();
    assert_eq!(written.runs(), [run]);
    assert_eq!(read(&lane, written).unwrap().len(), 40);
    assert_eq!(collected.unwrap().objects, 0);
}

#[test]
fn a_clean_up_that_is_stopped_deletes_nothing_more() {
    let store = Faulty::default();
    let lane = store.store().lane(&lane_id());
    let mut writer = lane.writer(None);
    for position in 1..9 {
        let word = format!("cut {position}");
        cut(&mut writer, position, &changes(0..40, &word)).unwrap();
    }
    store.set_clock(minutes(600));
    cut(&mut writer, 9, &Changes::new()).unwrap();
    let (all, calls) = (store.paths().len(), Cell::new(0));
    // Nine manifests are read, and six of them are to be deleted.
    let go_on = || calls.replace(calls.get() + 1) < 11;
    let stopped = writer.cleaning().run(HOUR, reached(100), go_on).unwrap();
    assert_eq!((stopped.manifests, stopped.objects), (2, 0));
    assert_eq!(store.paths().len(), all - 2);
    let rest = writer.collect(HOUR, reached(100)).unwrap();
    assert_eq!(rest.manifests, 4);
}

#[test]
fn the_newest_cut_of_other_settings_is_kept_for_a_day() {
    let store = Faulty::default();
    let lane = store.store().lane(&lane_id());
    let meant = |offset: i64, meaning: &str| CutHead {
        meaning: meaning.to_owned(),
        ..head(offset)
    };
    let mut before = lane.writer(None);
    before
        .chunk(&mut super::fixture::entries(&changes(0..9, "before")))
        .unwrap();
    let old = before.finish(&meant(10, "before"), &parts(10)).unwrap();
    let mut writer = lane.writer(None);
    for (minute, offset) in (1..).zip(11..31) {
        store.set_clock(minutes(minute * 60));
        cut(
            &mut writer,
            offset,
            &changes(0..9, &format!("cut {offset}")),
        )
        .unwrap();
        writer.collect(HOUR, reached(100)).unwrap();
    }
    assert_eq!(read(&lane, &old).unwrap().len(), 9);
    let found = lane.newest_usable("before", &[mark(100)]).unwrap();
    assert_eq!(
        found.manifest.as_ref(),
        Some(&old),
        "an edit can be taken back"
    );
    store.set_clock(minutes(26 * 60));
    cut(&mut writer, 40, &Changes::new()).unwrap();
    writer.collect(HOUR, reached(100)).unwrap();
    assert_eq!(
        lane.newest_usable("before", &[mark(100)]).unwrap().manifest,
        None
    );
}

#[test]
fn cuts_of_a_topic_that_was_made_again_are_replaced() {
    let store = Faulty::default();
    let lane = store.store().lane(&lane_id());
    cut(
        &mut lane.writer(None),
        1_000_000,
        &changes(0..9, "first life"),
    )
    .unwrap();
    let mut writer = lane.writer(None);
    let again = |offset: i64| {
        let mut head = head(offset);
        head.sources[0].topic_id = Some("second".to_owned());
        head
    };
    let reached = again(1_000_000).sources;
    let ours = |manifest: &Manifest| manifest.may_be_used(MEANING, &reached);
    for offset in 1..5 {
        store.set_clock(minutes(offset));
        let offset = i64::try_from(offset).unwrap();
        writer
            .chunk(&mut super::fixture::entries(&changes(0..3, "second life")))
            .unwrap();
        writer.finish(&again(offset), &parts(offset)).unwrap();
        writer.collect(HOUR, ours).unwrap();
    }
    let (manifests, _) = lane.manifests().unwrap();
    let offsets: Vec<_> = manifests.iter().map(offset).collect();
    assert_eq!(offsets, [4, 3, 2]);
}

#[test]
fn a_manifest_of_a_later_format_protects_what_it_names() {
    let store = Faulty::default();
    let lane = store.store().lane(&lane_id());
    let manifest = cut(&mut lane.writer(None), 5, &changes(0..9, "x")).unwrap();
    let path = store
        .paths()
        .into_iter()
        .find(|path| path.as_ref().contains("/cuts/"))
        .unwrap();
    let text = String::from_utf8(store.bytes(&path)).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    let rest = rest
        .strip_suffix('\n')
        .unwrap()
        .replace("\"format\": 1", "\"format\": 9");
    let checksum = twox_hash::XxHash3_64::oneshot(rest.as_bytes());
    store.replace(
        &path,
        format!("{{\"checksum\":\"{checksum:016x}\",\n{rest}\n").into_bytes(),
    );
    store.set_clock(minutes(1_000));
    cut(&mut lane.writer(None), 6, &changes(20..22, "y")).unwrap();
    lane.collect(HOUR, |_| true).unwrap();
    assert_eq!(read(&lane, &manifest).unwrap().len(), 9);
}
