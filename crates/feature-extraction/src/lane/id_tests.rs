//! Which records are known again by their event id and what they say.

use std::sync::Arc;

use tillwatch_records::units::ByteSize;
use tillwatch_records::{Flags, KeySpec, RecordKind, RecordKinds};
use tillwatch_testkit::oracle::OracleRow;
use tillwatch_testkit::stream::{self, Event, START_MS};

use super::feature_lane::FeatureLane;
use super::tests::{COUNT_1H, fold_part, lane, sale, together_and_alone, whole};
use crate::error::SnapshotError;
use crate::identity::IdSecret;
use crate::settings::EngineSettings;

const REUSES: &str = r#"
name = "c"
[[feature]]
name = "n"
aggregate = "count"
window = "1h"
[[feature]]
name = "reuses"
aggregate = "id_reuses"
window = "1h"
[[feature]]
name = "event_reuses"
aggregate = "id_reuses"
record_type = "terminal_event"
window = "1h"
"#;

fn fold(events: &[Event]) -> Vec<OracleRow> {
    let all = RecordKinds::new(RecordKind::ALL).unwrap();
    let mut lane = lane(REUSES, &EngineSettings::default(), 0).scoring(all);
    super::tests::fold(&mut lane, events, &whole(events))
}

/// The marks of `events`, all scored.
fn marks(events: &[Event]) -> Vec<Flags> {
    fold(events).iter().map(|row| row.flags).collect()
}

fn first() -> Event {
    Event {
        currency: Some("EUR"),
        mti: Some("0100"),
        ..sale("a", 1, START_MS)
    }
}

#[test]
fn the_same_id_with_another_content_is_scored_remembered_and_marked() {
    let changes: [fn(&mut Event); 6] = [
        |event| event.amount_minor = Some(101),
        |event| event.amount_minor = None,
        |event| event.currency = Some("USD"),
        |event| event.card_token = Some("d".to_owned()),
        |event| event.card_token = None,
        |event| event.event_time_ms += 1_000,
    ];
    let (none, again, reused) = (Flags::empty(), Flags::DUPLICATE, Flags::ID_REUSED);
    for (number, change) in changes.iter().enumerate() {
        let mut other = first();
        change(&mut other);
        let events = [first(), other.clone(), first(), other.clone(), other];
        let rows = fold(&events);
        let flags: Vec<Flags> = rows.iter().map(|row| row.flags).collect();
        assert_eq!(flags, [none, reused, again, again, again], "{number}");
        let last = rows[4].values.clone();
        assert_eq!(last, [Some(2.0), Some(1.0), Some(0.0)], "{number}");
    }
    // What else a record says does not tell it from another.
    let mut other = first();
    other.response_code = Some("05");
    other.stan = Some(7);
    other.event_time_ms += 999;
    assert_eq!(marks(&[first(), other]), [none, again]);
}

#[test]
fn a_message_that_is_sent_again_at_another_time_is_a_duplicate() {
    let (none, again, reused) = (Flags::empty(), Flags::DUPLICATE, Flags::ID_REUSED);
    for (mti, expected) in [
        (Some("0101"), again),
        (Some("0221"), again),
        (Some("0401"), again),
        (Some("0205"), again),
        (Some("0100"), reused),
        (Some("1"), reused),
        (None, reused),
    ] {
        let repeat = Event {
            mti,
            event_time_ms: START_MS + 30_000,
            timestamp_ms: START_MS + 30_000,
            ..first()
        };
        assert_eq!(
            marks(&[first(), repeat.clone()]),
            [none, expected],
            "{mti:?}"
        );
        let other = Event {
            amount_minor: Some(7),
            ..repeat
        };
        assert_eq!(marks(&[first(), other]), [none, reused], "{mti:?}");
    }
}

#[test]
fn other_kinds_of_record_are_known_by_what_they_report() {
    let (none, again, reused) = (Flags::empty(), Flags::DUPLICATE, Flags::ID_REUSED);
    let event = |event_type| Event {
        event_type: Some(event_type),
        ..Event::bare(RecordKind::TerminalEvent, "a", "s1", START_MS)
    };
    let (boot, tamper) = (event("BOOT"), event("TAMPER"));
    let events = [boot.clone(), boot.clone(), tamper.clone(), tamper.clone()];
    assert_eq!(marks(&events), [none, again, reused, again]);
    // An id is one of the key, whatever kind of record has it.
    assert_eq!(marks(&[first(), boot.clone()]), [none, reused]);
    let rows = fold(&[boot.clone(), first(), tamper]);
    let last = rows[2].values.clone();
    assert_eq!(last, [Some(1.0), Some(1.0), Some(1.0)]);
    // A label has the id of its transaction, and there may be several.
    let label = |kind| Event {
        label_kind: Some(kind),
        ..Event::bare(RecordKind::Label, "a", "s1", START_MS)
    };
    let labels = [first(), label("TC40"), label("SAFE"), label("TC40")];
    let mut lane = lane(
        "name = 'c'\n[[feature]]\nname = 'n'\naggregate = 'count'\nrecord_type = 'label'\nwindow = '1h'",
        &EngineSettings::default(),
        0,
    )
    .scoring(RecordKinds::new(RecordKind::ALL).unwrap());
    let rows = fold_part(&mut lane, &labels, 0);
    let flags: Vec<Flags> = rows.iter().map(|row| row.flags).collect();
    assert_eq!(flags, [none, none, none, again]);
    assert_eq!(rows[3].values, [Some(2.0)]);
}

#[test]
fn a_duplicate_is_judged_by_the_times_of_its_key() {
    let day_ms = 24 * 3_600_000;
    let mut stranger = sale("stranger", 9, START_MS + 75 * 365 * day_ms);
    // As in a file: no Kafka timestamp gives the wrong clock away.
    stranger.timestamp_ms = stranger.event_time_ms;
    let first = sale("a", 1, START_MS);
    let marks = |events: &[Event], key: &str| {
        let [together, alone] = together_and_alone(events, key);
        let flags = |rows: Vec<OracleRow>| rows.iter().map(|r| r.flags).collect::<Vec<_>>();
        let together = flags(together);
        assert_eq!(together, flags(alone));
        together
    };
    let again = [Flags::empty(), Flags::DUPLICATE];
    // Another key whose clock is wrong, or merely ahead, changes nothing.
    assert_eq!(marks(&[first.clone(), stranger, first.clone()], "a"), again);
    let ahead = sale("b", 2, START_MS + 2 * day_ms);
    assert_eq!(marks(&[first.clone(), ahead, first.clone()], "a"), again);
    // The key's own time frees an id, that of the record at hand included.
    let later = sale("a", 3, START_MS + 2 * 3_600_000);
    let reused = sale("a", 1, START_MS + 2 * 3_600_000);
    let free = [Flags::empty(); 3];
    assert_eq!(marks(&[first.clone(), later, reused.clone()], "a"), free);
    assert_eq!(marks(&[first.clone(), reused.clone()], "a"), free[..2]);
    assert_eq!(marks(&[first, reused.clone(), reused], "a")[2], again[1]);
}

#[test]
fn a_key_with_more_ids_than_it_may_keep_forgets_old_ones_and_counts_them() {
    let mut settings = EngineSettings::default();
    settings.state.max_bytes = ByteSize(1024 * 1024);
    let mut lane = lane(COUNT_1H, &settings, 0);
    let sales: Vec<Event> = (0..8_000)
        .map(|n| sale("a", n, START_MS + n as i64 / 4))
        .collect();
    fold_part(&mut lane, &sales, 0);
    assert!(lane.stats().forgotten_ids > 1_000, "{:?}", lane.stats());
    let back = [sales[7_999].clone(), sales[0].clone()];
    let flags: Vec<Flags> = fold_part(&mut lane, &back, 8_000)
        .iter()
        .map(|r| r.flags)
        .collect();
    // One that is known is a duplicate; of the other nobody can tell, and it says so.
    let evicted = Flags::STATE_EVICTED;
    assert_eq!(flags, [Flags::DUPLICATE | evicted, evicted]);
    // Once the horizon and all windows have left what was forgotten, nothing is in doubt.
    let hours = |hours: i64| sale("a", 9_000 + hours as usize, START_MS + hours * 3_600_000);
    let flags: Vec<Flags> = fold_part(&mut lane, &[hours(2), hours(3)], 8_002)
        .iter()
        .map(|r| r.flags)
        .collect();
    assert_eq!(flags, [evicted, Flags::empty()]);
}

#[test]
fn state_of_another_secret_is_refused() {
    let with_secret = |secret: Option<&str>| {
        let settings = EngineSettings {
            id_secret: secret.map(|text| IdSecret::new(text).unwrap()),
            ..EngineSettings::default()
        };
        lane(COUNT_1H, &settings, 0)
    };
    let secrets = [
        None,
        Some("a secret of the site"),
        Some("another one of it"),
    ];
    let sales: Vec<Event> = (0..50).map(|n| sale("a", n, START_MS + n as i64)).collect();
    for (at, secret) in secrets.iter().enumerate() {
        let mut lane = with_secret(*secret);
        let first = fold_part(&mut lane, &sales, 0);
        assert!(first.iter().all(|row| row.flags.is_empty()));
        let mut own = Vec::new();
        lane.track(0);
        assert!(lane.begin_cut(&mut own));
        for (other, secret) in secrets.iter().enumerate() {
            let read = with_secret(*secret).begin_restore(&own);
            let expected = if at == other {
                Ok(())
            } else {
                Err(SnapshotError::Plan)
            };
            assert_eq!(read.map(drop), expected);
        }
        let again = fold_part(&mut lane, &sales, 50);
        assert!(again.iter().all(|row| row.flags == Flags::DUPLICATE));
    }
}

#[test]
fn a_record_without_a_key_has_no_features_and_leaves_no_trace() {
    let key = KeySpec::from_names(&["card_token"]).unwrap();
    let plan = Arc::clone(lane(REUSES, &EngineSettings::default(), 0).plan());
    // With one record in seventy without a card, and all of them, and none.
    for step in [1, 3, 70, 1_000] {
        let events: Vec<Event> = (0..300)
            .map(|n| Event {
                card_token: (n % step != 0).then(|| format!("c{}", n % 4)),
                ..sale("a", n, START_MS + n as i64)
            })
            .collect();
        let has_card = |event: &&Event| event.card_token.is_some();
        let carded: Vec<Event> = events.iter().filter(has_card).cloned().collect();
        let run = |events: &[Event], size: usize| {
            let mut lane = FeatureLane::new(Arc::clone(&plan), key.clone(), 0);
            let mut rows = Vec::new();
            for part in events.chunks(size) {
                let made = lane
                    .process(stream::batch(part, rows.len() as i64))
                    .unwrap();
                rows.extend(super::tests::rows(&made));
            }
            (rows, lane.stats())
        };
        for size in [1, 7, 300] {
            let ((all, stats), (alone, alone_stats)) = (run(&events, size), run(&carded, size));
            assert_eq!(stats, alone_stats);
            let mut alone = alone.into_iter();
            for (event, row) in events.iter().zip(all) {
                match has_card(&event) {
                    true => assert_eq!(Some(row), alone.next()),
                    false => {
                        assert_eq!((row.values, row.flags), (vec![None; 3], Flags::empty()));
                    }
                }
            }
        }
    }
}
