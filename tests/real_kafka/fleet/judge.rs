//! What a fleet has scored, against what one uninterrupted run over each partition's log scores.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use tillwatch_testkit::broker::{TestRecord, read_all, read_committed};

use super::Way;
use crate::rows::{Row, Scored};
use crate::support::{Setup, header, json, succeed, tillwatch, wait_for};
use crate::{PARTITIONS, models};

/// Partition and offset of a record of the input.
type Place = (i32, i64);

/// Fails the test unless each record of `input` has the score of an uninterrupted run, or a dead letter; says
/// how many there were.
pub fn judge(setup: &Setup, way: Way, input: &[TestRecord]) -> String {
    let (features, expected) = uninterrupted(setup, input);
    let refused: BTreeSet<Place> = places(input)
        .into_iter()
        .filter(|place| !expected.contains_key(place))
        .collect();
    let read = |topic: &str, partitions| {
        let read = match way.is_exactly_once {
            true => read_committed(&setup.brokers, topic, partitions),
            false => read_all(&setup.brokers, topic, partitions),
        };
        read.expect("outputs can be read")
    };
    let (mut scores, mut letters) = (Vec::new(), Vec::new());
    // What a process that was killed has left open ends with its time-out.
    wait_for("all outputs", || {
        scores = read(&setup.scores_topic(), PARTITIONS);
        letters = read(&setup.dead_letters_topic(), 1);
        scores.len() >= expected.len() && letters.len() >= refused.len()
    });
    let found = by_place(&scores);
    let mut missing = expected.keys().filter(|place| !found.contains_key(place));
    let first = missing.next();
    assert_eq!(first, None, "{} more have no score", missing.count());
    let mut unasked = found.keys().filter(|place| !expected.contains_key(place));
    assert_eq!(unasked.next(), None, "a score of what has none");
    compare(&found, &expected, &features);
    let told: BTreeSet<Place> = letters.iter().map(place_of_letter).collect();
    assert_eq!(told, refused, "each record that was refused has a letter");
    let again = scores.len() - found.len();
    if way.is_exactly_once {
        assert_eq!(again, 0, "each score is there once");
        assert_eq!(letters.len(), told.len(), "each letter is there once");
        let alerts = read(&format!("{}.alerts", setup.topic), 1);
        let ids: BTreeSet<String> = alerts
            .iter()
            .map(|alert| json(alert)["alert_id"].to_string())
            .collect();
        assert_eq!(alerts.len(), ids.len(), "each alert is there once");
    }
    let (found, told) = (found.len(), told.len());
    format!("{found} scores, {again} of them a second time, {told} dead letters")
}

/// What `tillwatch score` makes of each partition's log, and the names of its features.
fn uninterrupted(setup: &Setup, input: &[TestRecord]) -> (Vec<String>, BTreeMap<Place, Row>) {
    let config = setup.config_of("uninterrupted.toml", &models(), "");
    let (mut features, mut scored) = (Vec::new(), BTreeMap::new());
    for partition in 0..PARTITIONS {
        let log = setup
            .directory
            .path()
            .join(format!("log-{partition}.jsonl"));
        let output = log.with_extension("parquet");
        let mut text = String::new();
        for record in input.iter().filter(|record| record.partition == partition) {
            let payload = record.payload.as_deref().unwrap_or_default();
            let line = std::str::from_utf8(payload).expect("a record is text");
            writeln!(text, "{line}").expect("memory can be written");
        }
        std::fs::write(&log, text).expect("a log can be written");
        let mut command = tillwatch();
        let command = command.args(["score", "--features", "--config"]);
        let command = command.arg(&config).arg("--input").arg(&log);
        succeed(command.arg("--output").arg(&output));
        let Scored {
            features: names,
            rows,
        } = Scored::read(&output);
        features = names;
        let rows = rows.into_iter();
        scored.extend(rows.map(|(offset, row)| ((partition, offset), row)));
    }
    (features, scored)
}

fn compare(found: &BTreeMap<Place, &[u8]>, expected: &BTreeMap<Place, Row>, features: &[String]) {
    let mut differing = 0;
    let mut first = None;
    for (place, payload) in found {
        let (found, expected) = (Row::of_payload(payload, features), &expected[place]);
        if found != *expected {
            differing += 1;
            first.get_or_insert_with(|| (*place, found.differences(expected, features)));
        }
    }
    assert!(
        first.is_none(),
        "{differing} of {} scores differ, the first in {first:#?}",
        found.len()
    );
}

/// Partition and offset of each record.
fn places(input: &[TestRecord]) -> Vec<Place> {
    let mut next = BTreeMap::new();
    let place = |record: &TestRecord| {
        let next: &mut i64 = next.entry(record.partition).or_default();
        *next += 1;
        (record.partition, *next - 1)
    };
    input.iter().map(place).collect()
}

/// Scores by what they are of. One that came twice must be the same, byte for byte.
fn by_place(scores: &[TestRecord]) -> BTreeMap<Place, &[u8]> {
    let mut found = BTreeMap::new();
    for score in scores {
        let said = json(score);
        let number = |name: &str| said[name].as_i64().expect("it has a position");
        let partition = i32::try_from(number("partition")).expect("a partition");
        let place = (partition, number("offset"));
        let payload = score.payload.as_deref().unwrap_or_default();
        if let Some(before) = found.insert(place, payload) {
            let [before, again] = [before, payload].map(String::from_utf8_lossy);
            assert_eq!(before, again, "{place:?} has two scores");
        }
    }
    found
}

fn place_of_letter(letter: &TestRecord) -> Place {
    let number = |name: &str| header(letter, name).parse::<i64>().expect("a number");
    let partition = i32::try_from(number("tillwatch.partition")).expect("a partition");
    (partition, number("tillwatch.offset"))
}
