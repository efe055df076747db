//! Changes that are taken.

use std::sync::Arc;
use std::time::Duration;

use crate::lineup::reload::Look;
use crate::test_support::lineup::{Place, score};
use crate::watch::{Occasion, Prepared};

#[test]
fn a_change_takes_effect_between_two_batches_and_says_where() {
    let place = Place::new();
    let mut running = place.start();
    let (mut one, mut other) = (running.assembly.lane(0), running.assembly.lane(0));
    let mut offsets = Vec::new();
    let mut versions = Vec::new();
    let mut next = 0;
    for step in 0..12 {
        let batch = score(&mut one, next, 7);
        next += 7;
        offsets.extend(batch.events.offsets.iter().copied());
        versions.push(batch.versions.model.clone());
        match step {
            3 => {
                place.write("lineup.toml", "champion = \"two\"\n");
                // A file that has just changed may change further.
                assert_eq!(running.reloader.look(Occasion::Interval), Look::Same);
            }
            4 => assert_eq!(running.reloader.look(Occasion::Interval), Look::Taken),
            8 => {
                place.write("lineup.toml", "champion = \"one\"\n");
                assert_eq!(running.look(), Look::Taken);
            }
            _ => assert_eq!(running.look(), Look::Same),
        }
    }
    assert_eq!(offsets, (0..84).collect::<Vec<_>>());
    let expected: Vec<&str> = (0..12)
        .map(|step| {
            if (5..9).contains(&step) {
                "rules@2"
            } else {
                "rules@1"
            }
        })
        .collect();
    assert_eq!(versions, expected);
    // A lane that had nothing to do meanwhile takes the active models, once.
    assert_eq!(score(&mut other, 0, 1).versions.model, "rules@1");

    let lines = place.audit();
    let kinds: Vec<(&str, Option<i64>)> = lines
        .iter()
        .map(|line| (line["event"].as_str().unwrap(), line["offset"].as_i64()))
        .collect();
    assert_eq!(
        kinds,
        [
            ("in_force", None),
            ("begun", Some(0)),
            ("in_force", None),
            ("begun", Some(35)),
            ("in_force", None),
            ("begun", Some(63)),
            ("begun", Some(0)),
        ]
    );
    let change = &lines[2];
    assert_eq!(change["source"], "reload");
    let name = |side: &str| change[side]["champion"].as_str().unwrap().to_owned();
    assert!(name("from").starts_with("rules@1+") && name("to").starts_with("rules@2+"));
    assert!(change["changed"].to_string().contains("lineup.toml"));
    assert_eq!(
        (&lines[3]["topic"], &lines[3]["partition"]),
        (&"t".into(), &3.into())
    );
    assert!(lines[0]["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(running.metrics.model_changes(), [2, 0]);
}

#[test]
fn a_half_written_directory_waits() {
    let place = Place::new();
    let mut running = place.start();
    place.write("one/rules.toml", "prior");
    assert_eq!(running.reloader.look(Occasion::Interval), Look::Same);
    place.rules("one", "3", "records_1h >= 2");
    assert_eq!(running.reloader.look(Occasion::Interval), Look::Same);
    assert_eq!(running.reloader.look(Occasion::Interval), Look::Taken);
    assert_eq!(running.champion(), "rules@3");
    std::fs::remove_file(place.path("one/rules.toml")).unwrap();
    assert_eq!(running.look(), Look::Refused);
}

#[test]
fn members_of_an_ensemble_are_followed() {
    let place = Place::new();
    place.ensemble("both", &["one"]);
    place.write("lineup.toml", "champion = \"both\"\n");
    let mut running = place.start();
    place.rules("one", "1", "records_1h >= 2");
    assert_eq!(running.look(), Look::Taken);
}

#[test]
fn the_thread_follows_the_bell_alone_when_told_so() {
    let place = Place::new();
    place.configure("reload = \"off\"\n");
    let running = place.start();
    let prepared = Prepared::new();
    let bell = prepared.bell();
    let assembly = Arc::clone(&running.assembly);
    let watch = running.reloader.start(prepared).unwrap();
    place.write("lineup.toml", "champion = \"two\"\n");
    bell.ring();
    for _ in 0..2_000 {
        if assembly.versions().model == "rules@2" {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    drop(watch);
    assert_eq!(assembly.versions().model, "rules@2");
    let source = place.audit().last().unwrap()["source"].clone();
    assert_eq!(source, "signal");
}
