//! Lanes that are cut, restored, and go on.

use std::sync::Arc;

use tillwatch_records::cut::{Entries, Space};
use tillwatch_records::{Flags, RawBatch, ScoreBatch, Severity, TopicPartition};

use super::learner::learner;
use super::place::{assembly, chained, lineup, parts, records, rule, score, show};
use super::stored::Stored;
use crate::{Assembly, Input, Lane, LineupFiles, Parts, RestoreError, Workspace, holds_learners};

/// A chain of two stages, scored by a rule beside a model that learns.
fn learning() -> Parts {
    let mut parts = chained(rule("1", "records_1h >= 3"));
    parts.models = watched("1");
    parts.scoring.alert_severity = Severity::Warning;
    parts
}

/// A rule with a shadow that learns.
fn watched(version: &str) -> LineupFiles {
    let mut files = lineup(rule(version, "records_1h >= 3"));
    files.shadows = vec![learner("1", 1)];
    files
}

/// Everything that is told of a batch.
fn told(scores: &ScoreBatch) -> String {
    format!("{}{:?}{:?}", show(scores), scores.alerts, scores.shadows)
}

#[test]
fn a_lane_that_is_restored_from_any_cut_goes_on_bit_for_bit() {
    let assembly = assembly(learning());
    let mut uninterrupted = assembly.lane(0);
    let batches: Vec<_> = (0..400).step_by(4).map(|n| n..n + 4).collect();
    let expected: Vec<String> = batches
        .iter()
        .map(|batch| told(&score(&mut uninterrupted, batch.clone())))
        .collect();
    let end = Stored::whole(&mut uninterrupted);
    assert!(end.images.keys().any(|(space, ..)| *space == Space::ALERTS));

    let mut lane = assembly.lane(0);
    lane.track();
    let (mut stored, mut entries) = (Stored::default(), Entries::default());
    let (mut begun, mut cuts) = (None, 0);
    for (at, batch) in batches.iter().enumerate() {
        if at % 5 == 2 && !lane.is_cutting() {
            assert!(lane.begin_cut());
            assert!(!lane.begin_cut(), "one at a time");
            begun = Some(at);
        }
        assert_eq!(told(&score(&mut lane, batch.clone())), expected[at]);
        let (Some(parts), Some(first)) = (lane.continue_cut(&mut entries, at % 3 * 3), begun)
        else {
            continue;
        };
        stored.take(&mut entries);
        stored.parts = parts;
        cuts += 1;
        // One that goes on from there, also by way of a cut of its own.
        let mut restored = stored.lane(&assembly);
        assert_eq!(restored.meaning(), lane.meaning());
        for (at, batch) in batches.iter().enumerate().skip(first) {
            assert_eq!(told(&score(&mut restored, batch.clone())), expected[at]);
            if at % 31 == 0 {
                restored = Stored::whole(&mut restored).lane(&assembly);
            }
        }
        assert_eq!(Stored::whole(&mut restored), end);
    }
    assert!(cuts > 8, "{cuts} cuts");
}

#[test]
fn what_is_restored_counts_as_unchanged() {
    let assembly = assembly(learning());
    let mut lane = assembly.lane(0);
    assert!(!lane.is_tracked() && !lane.begin_cut());
    score(&mut lane, 0..40);
    let stored = Stored::whole(&mut lane);
    let mut restored = stored.lane(&assembly);
    assert!(restored.is_tracked() && restored.begin_cut());
    let mut entries = Entries::default();
    while restored.continue_cut(&mut entries, 10).is_none() {}
    assert!(entries.is_empty() && !restored.is_cutting());
    // A terminal, a card, and an alert that is held back.
    score(&mut restored, 40..41);
    assert!(restored.begin_cut());
    while restored.continue_cut(&mut entries, 10).is_none() {}
    let mut spaces: Vec<Space> = entries.iter().map(|entry| entry.space).collect();
    spaces.sort();
    assert_eq!(spaces, [Space::keys(0), Space::keys(1), Space::ALERTS]);
}

#[test]
fn a_lane_that_lacks_records_gives_up_its_cut_and_keeps_no_images_of_all_keys() {
    let assembly = assembly(learning());
    let mut lane = assembly.lane(0);
    lane.track();
    score(&mut lane, 0..60);
    assert!(lane.begin_cut());
    let before = lane.waiting_bytes();
    lane.missed(0);
    assert!(lane.waiting_bytes() <= before);
    let mut entries = Entries::default();
    while lane.is_cutting() {
        assert!(lane.continue_cut(&mut entries, 10).is_none());
    }
    assert!(entries.is_empty());
    // The next one says what the lane lacks.
    let mut stored = Stored::default();
    assert!(lane.begin_cut());
    while stored.parts.is_empty() {
        stored.parts = lane.continue_cut(&mut entries, 10).unwrap_or_default();
    }
    stored.take(&mut entries);
    let scores = score(&mut stored.lane(&assembly), 60..64);
    assert!(
        scores
            .flags
            .iter()
            .all(|flags| flags.contains(Flags::WARMING))
    );
    assert_eq!(told(&scores), told(&score(&mut lane, 60..64)));
}

#[test]
fn a_cut_that_nobody_takes_is_given_up_and_the_next_one_holds_it() {
    let assembly = assembly(learning());
    let mut lane = assembly.lane(0);
    lane.track();
    score(&mut lane, 0..60);
    assert!(lane.begin_cut());
    let mut entries = Entries::default();
    lane.continue_cut(&mut entries, 2);
    lane.continue_cut(&mut entries, 2);
    let mut stored = Stored::default();
    stored.take(&mut entries);
    score(&mut lane, 60..90);
    assert!(lane.waiting_bytes() > 0);
    lane.abandon_cut();
    while lane.is_cutting() {
        assert!(!lane.begin_cut());
        assert!(lane.continue_cut(&mut entries, 1).is_none());
    }
    assert!(entries.is_empty());
    assert_eq!(lane.waiting_bytes(), 0);
    assert!(lane.begin_cut());
    while stored.parts.is_empty() {
        stored.parts = lane.continue_cut(&mut entries, 1).unwrap_or_default();
    }
    stored.take(&mut entries);
    let mut restored = stored.lane(&assembly);
    assert_eq!(
        told(&score(&mut restored, 90..99)),
        told(&score(&mut lane, 90..99))
    );
    assert_eq!(Stored::whole(&mut restored), Stored::whole(&mut lane));
}

#[test]
fn a_lane_is_restored_under_other_models() {
    let assembly = assembly(learning());
    let mut lane = assembly.lane(0);
    score(&mut lane, 0..40);
    let before = lane.learned();
    // A cut of the very position at which the models change.
    let mut files = watched("2");
    files.shadows.push(learner("2", 2));
    let next = Arc::new(assembly.fit_models(&files).unwrap());
    let stored = Stored::whole(&mut lane);
    assert!(holds_learners(&stored.parts));
    assembly.models().exchange(next);
    let active = Arc::clone(lane.models());
    let expected = told(&score(&mut lane, 40..80));
    assert!(!Arc::ptr_eq(&active, lane.models()), "the host sees it");
    let mut restored = assembly.lane(1);
    let said = stored.restore(&mut restored).unwrap();
    assert_eq!(restored.learned()[0], before[0]);
    let name = &lane.learned()[1];
    assert_eq!(said.fresh, [format!("{}+{}", name.0, name.1)]);
    assert!(said.dropped.is_empty());
    assert_eq!(told(&score(&mut restored, 40..80)), expected);
    assert_eq!(Stored::whole(&mut restored), Stored::whole(&mut lane));
    // And back: what the second one knew is dropped.
    let back = Arc::new(assembly.fit_models(&watched("1")).unwrap());
    let stored = Stored::whole(&mut lane);
    assembly.models().exchange(back);
    let mut restored = assembly.lane(1);
    let said = stored.restore(&mut restored).unwrap();
    assert_eq!(said.dropped, [format!("{}+{}", name.0, name.1)]);
    assert!(said.fresh.is_empty());
    let expected = told(&score(&mut lane, 80..99));
    assert_eq!(told(&score(&mut restored, 80..99)), expected);
}

#[test]
fn snapshots_of_others_and_incomplete_ones_are_refused() {
    let assembly = assembly(learning());
    let mut lane = assembly.lane(0);
    score(&mut lane, 0..40);
    let stored = Stored::whole(&mut lane);
    let refused = |stored: &Stored| {
        let restored = stored.restore(&mut assembly.lane(1));
        restored.map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(refused(&stored), Ok(()));
    for at in 0..stored.parts.len() {
        let mut less = stored.clone();
        let part = less.parts.remove(at);
        // A learner without state begins anew.
        let is_learner = part.name.starts_with("learner/");
        assert_eq!(refused(&less).is_ok(), is_learner, "{}", part.name);
        if !part.bytes.is_empty() {
            let mut damaged = stored.clone();
            damaged.parts[at].bytes[part.bytes.len() / 2] ^= 1;
            assert!(refused(&damaged).is_err(), "{}", part.name);
        }
    }
    for key in stored.images.keys() {
        let mut less = stored.clone();
        less.images.remove(key);
        assert!(refused(&less).is_err(), "{key:?}");
    }
    let mut other = stored.clone();
    let image = other.images.values().next().unwrap().clone();
    other
        .images
        .insert((Space::keys(7), 0, b"k".to_vec()), image);
    assert_eq!(
        refused(&other).unwrap_err(),
        "the snapshot has an entry of space 14, which is not of this lane"
    );
    // A lane of the first stage alone.
    let one = super::place::assembly(parts(rule("1", "records_1h >= 3")));
    assert_ne!(one.lane(0).meaning(), lane.meaning());
    let error = stored.restore(&mut one.lane(1)).unwrap_err();
    assert!(matches!(error, RestoreError::Unknown { .. }), "{error}");
}

/// Two topics, the second of which has `times` as well.
fn of_topic(topic: &str, records: &RawBatch, timestamps_ms: &[i64]) -> RawBatch {
    let mut raw = RawBatch::new(TopicPartition::new(topic, 3));
    for (record, timestamp_ms) in records.iter().zip(timestamps_ms) {
        raw.push(record.offset, Some(*timestamp_ms), None, record.payload, []);
    }
    raw
}

fn merged(assembly: &Assembly) -> Lane {
    let mut lane = assembly.lane(0);
    lane.merge(&["a".into(), "b".into()]);
    lane
}

fn flags(lane: &mut Lane, raw: &RawBatch) -> Vec<Flags> {
    let processed = lane.process(Input::Raw(raw), &mut Workspace::default(), &mut ());
    processed.unwrap().scores.flags
}

#[test]
fn a_lane_whose_order_was_wrong_marks_its_scores_and_makes_no_cut() {
    let assembly = assembly(learning());
    let mut lane = merged(&assembly);
    lane.track();
    let is_marked = |lane: &mut Lane, topic: &str, offset: i64, timestamps_ms: &[i64]| {
        let end = offset + timestamps_ms.len() as i64;
        let raw = of_topic(topic, &records(offset..end), timestamps_ms);
        let flags = flags(lane, &raw);
        flags.iter().all(|flags| flags.contains(Flags::REORDERED))
    };
    assert!(!is_marked(&mut lane, "a", 0, &[10, 20, 15]));
    // As late as the newest of the topic before it, and of a topic that comes after it.
    assert!(!is_marked(&mut lane, "b", 3, &[20, 40]));
    // Its time is that of the record before it.
    assert!(!is_marked(&mut lane, "b", 5, &[30]));
    assert!(!lane.is_reordered());
    let stored = Stored::whole(&mut lane);
    let straddled = {
        let mut restored = merged(&assembly);
        stored.restore(&mut restored).unwrap();
        restored
    };
    // As late as the newest of a topic that it belongs before: also where a restart lies between.
    for mut lane in [lane, straddled] {
        assert!(lane.is_behind("a", 40) && !lane.is_behind("a", 41));
        // Times of a topic do not fall, and nothing belongs behind a topic that is not read.
        assert!(!lane.is_behind("b", 1) && !lane.is_behind("c", 1));
        assert!(is_marked(&mut lane, "a", 6, &[40]));
        assert!(lane.is_reordered());
        assert!(is_marked(&mut lane, "b", 7, &[50]), "from then on");
        assert!(!lane.begin_cut());
    }
    // A lane that takes the same in the right order is not marked, nor is one of a single topic.
    let mut right = merged(&assembly);
    stored.restore(&mut right).unwrap();
    assert!(!is_marked(&mut right, "b", 6, &[40]));
    assert!(!is_marked(&mut right, "a", 7, &[41]));
    assert!(!right.is_reordered() && right.begin_cut());
    let mut alone = assembly.lane(0);
    assert!(!is_marked(&mut alone, "a", 0, &[40, 30]));
    assert!(!alone.is_behind("a", 20));
    assert!(!is_marked(&mut alone, "a", 2, &[20]));

    // What says how far topics were taken belongs to lanes of several topics alone.
    let mut other = assembly.lane(1);
    assert!(matches!(
        stored.restore(&mut other),
        Err(RestoreError::Unknown { .. })
    ));
    let mut swapped = assembly.lane(1);
    swapped.merge(&["b".into(), "a".into()]);
    assert!(matches!(
        stored.restore(&mut swapped),
        Err(RestoreError::Order)
    ));
    let mut damaged = stored;
    for part in &mut damaged.parts {
        if part.name == "order" {
            part.bytes.pop();
        }
    }
    let restored = damaged.restore(&mut merged(&assembly));
    assert!(matches!(restored, Err(RestoreError::Order)));
}

#[test]
fn a_lane_that_lacks_records_says_so_in_every_stage() {
    let assembly = assembly(learning());
    let mut lane = assembly.lane(0);
    let scores = score(&mut lane, 0..40);
    assert!(
        scores
            .flags
            .iter()
            .all(|flags| !flags.contains(Flags::WARMING))
    );
    lane.track();
    let newest_ms = scores.emissions.times_ms.last().copied().unwrap();
    lane.missed(newest_ms);
    let scores = score(&mut lane, 40..60);
    assert!(
        scores
            .flags
            .iter()
            .all(|flags| flags.contains(Flags::WARMING))
    );
    // It is part of the state.
    let stored = Stored::whole(&mut lane);
    let mut restored = stored.lane(&assembly);
    assert_eq!(
        told(&score(&mut restored, 60..90)),
        told(&score(&mut lane, 60..90))
    );
}
