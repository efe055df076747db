use std::collections::{BTreeMap, BTreeSet};

use tillwatch_records::cut::Space;

use super::*;

fn row(key: &str, time_ms: i64) -> Row<'_> {
    Row {
        row: 0,
        key,
        time_ms,
        score: 0,
        reasons: &[],
    }
}

fn fired(typology: Option<Typology>, cooldown_ms: Option<i64>) -> Fired {
    Fired {
        typology,
        severity: Severity::Critical,
        cooldown_ms,
    }
}

#[test]
fn a_rule_with_its_own_cooldown_waits_that_long_after_the_last_alert() {
    let mut alerts = Alerts::new(&ScoringSettings::default());
    let mut sent = |minute: i64, cooldowns: &[Option<i64>]| {
        let minutes = |n: i64| n * 60_000;
        let rules: Vec<Fired> = cooldowns
            .iter()
            .map(|own| fired(Some(Typology::Skimming), own.map(minutes)))
            .collect();
        let mut out = Vec::new();
        alerts.raise(&row("a", minutes(minute)), &rules, &mut out);
        out.first().map(|alert| alert.suppressed_count)
    };
    let (hasty, patient, usual) = (Some(5), Some(1_440), None);
    assert_eq!(sent(0, &[patient]), Some(0));
    // An hour is over for the others, a day is not.
    assert_eq!(sent(59, &[usual]), None);
    assert_eq!(sent(60, &[patient]), None);
    assert_eq!(sent(60, &[patient, usual]), Some(2));
    assert_eq!(sent(64, &[hasty, usual]), None);
    assert_eq!(sent(65, &[hasty]), Some(1));
    assert_eq!(sent(65, &[Some(0)]), Some(0));
    assert_eq!(sent(65 + 1_439, &[patient]), None);
    assert_eq!(sent(65 + 1_440, &[patient]), Some(1));
}

#[test]
fn cools_down_per_key_and_typology_in_event_time() {
    let mut alerts = Alerts::new(&ScoringSettings::default());
    let mut sent = |key: &str, time_ms, typology| {
        let mut out = Vec::new();
        alerts.raise(&row(key, time_ms), &[fired(Some(typology), None)], &mut out);
        out.first().map(|alert| alert.suppressed_count)
    };
    assert_eq!(sent("a", 0, Typology::Skimming), Some(0));
    assert_eq!(sent("a", 3_599_999, Typology::Skimming), None);
    assert_eq!(sent("a", 10, Typology::CashOut), Some(0));
    assert_eq!(sent("b", 10, Typology::Skimming), Some(0));
    assert_eq!(sent("a", 3_600_000, Typology::Skimming), Some(1));
    assert_eq!(sent("a", 7_200_000, Typology::Skimming), Some(0));
}

/// Minutes at which rows raise an alert that is sent, of rows at `minutes`, in their order.
fn sent_at(alerts: &mut Alerts, minutes: &[i64]) -> Vec<i64> {
    let rules = [fired(Some(Typology::Skimming), None)];
    let mut all = Vec::new();
    for minute in minutes {
        let mut out = Vec::new();
        alerts.raise(&row("a", minute * 60_000), &rules, &mut out);
        all.extend(out.iter().map(|_| *minute));
    }
    all
}

#[test]
fn a_cooldown_holds_back_within_its_span_before_and_after() {
    let sent = |minutes: &[i64]| sent_at(&mut Alerts::new(&ScoringSettings::default()), minutes);
    // An hour, exclusive, on both sides.
    assert_eq!(sent(&[600, 659, 541]), [600]);
    assert_eq!(sent(&[600, 660]), [600, 660]);
    assert_eq!(sent(&[600, 540]), [600, 540]);
    // What was sent while it was offline does not hide what the terminal kept.
    assert_eq!(sent(&[600, 300, 301, 359, 360, 601]), [600, 300, 360]);
    // And what it kept does not let the newest be told again.
    assert_eq!(sent(&[600, 300, 630, 310, 640]), [600, 300]);
    assert_eq!(sent(&[600, 541, 500, 559]), [600, 500]);
}

#[test]
fn records_in_any_order_raise_one_alert_per_cooldown_at_most() {
    let minutes: Vec<i64> = (0..20_000).map(|n| n * 7_919 % 1_440).collect();
    let mut alerts = Alerts::new(&ScoringSettings::default());
    let sent = sent_at(&mut alerts, &minutes);
    assert!((4..=24).contains(&sent.len()), "{sent:?}");
    for (at, minute) in sent.iter().enumerate() {
        let close = sent[..at].iter().find(|other| (*other - minute).abs() < 60);
        assert_eq!(close, None, "{minute} in {sent:?}");
    }
    assert_eq!(alerts.count, SENT_MAX);
    // Back and forth over two days, and from the newest to the oldest.
    let minutes: Vec<i64> = (0..4_000).map(|n| n % 7 * 480).collect();
    let mut alerts = Alerts::new(&ScoringSettings::default());
    assert!(sent_at(&mut alerts, &minutes).len() <= 7);
    let backwards: Vec<i64> = (0..2_880).rev().collect();
    let mut alerts = Alerts::new(&ScoringSettings::default());
    let sent = sent_at(&mut alerts, &backwards);
    assert_eq!(sent, [2_879, 2_819, 2_759, 2_699]);
}

#[test]
fn every_alert_that_was_held_back_is_counted_once() {
    let mut alerts = Alerts::new(&ScoringSettings::default());
    let rules = [fired(Some(Typology::Skimming), None)];
    let (mut sent, mut suppressed) = (0, 0);
    let minutes = (0..5_000).map(|n: i64| n * 31 % 900).chain([9_000]);
    for minute in minutes {
        let mut out = Vec::new();
        alerts.raise(&row("a", minute * 60_000), &rules, &mut out);
        for alert in out {
            sent += 1;
            suppressed += alert.suppressed_count;
        }
    }
    assert_eq!(sent + suppressed, 5_001);
}

#[test]
fn memory_is_bounded_and_the_longest_cooldowns_stay() {
    let mut alerts = Alerts::new(&ScoringSettings::default());
    alerts.max = 8;
    let fired = [fired(None, None)];
    for time in 0..100 {
        let mut out = Vec::new();
        alerts.raise(&row(&format!("k{time}"), time), &fired, &mut out);
        assert_eq!(out.len(), 1);
        assert!(alerts.count <= 8);
    }
    let mut out = Vec::new();
    alerts.raise(&row("k99", 100), &fired, &mut out);
    assert!(out.is_empty(), "the latest is still cooling down");
}

/// What a store would have after some cuts.
type Stored = BTreeMap<Vec<u8>, (u64, Vec<u8>)>;

fn store(stored: &mut Stored, entries: &Entries) {
    let mut keys = BTreeSet::new();
    for entry in entries.iter() {
        assert!(keys.insert(entry.key.to_vec()), "a key is in a cut once");
        match entry.image {
            Some(image) => {
                stored.insert(entry.key.to_vec(), (entry.hash, image.to_vec()));
            }
            None => drop(stored.remove(entry.key)),
        }
    }
}

fn restored(stored: &Stored, totals: &[u8], max: usize) -> Alerts {
    let mut alerts = Alerts::new(&ScoringSettings::default());
    alerts.max = max;
    alerts.begin_restore(totals).unwrap();
    // In the order of a table that grew in another way.
    for (key, (hash, image)) in stored.iter().rev() {
        let entry = Entry {
            space: Space::ALERTS,
            hash: *hash,
            key,
            image: Some(image),
        };
        alerts.restore(&entry).unwrap();
    }
    alerts.end_restore().unwrap();
    alerts
}

/// A row whose alert is sent or held back, of few keys so that they are forgotten and come back.
fn raise(alerts: &mut Alerts, n: u64) -> String {
    let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let key = format!("terminal {}", mixed % 23);
    let typology = Typology::ALL.get(mixed as usize % 7).copied();
    let minute = (n / 3) as i64 + (mixed % 400) as i64;
    let own = (mixed.is_multiple_of(3)).then_some(minute % 90 * 60_000);
    let mut out = Vec::new();
    let rules = [fired(typology, own), fired(None, None)];
    alerts.raise(&row(&key, minute * 60_000), &rules, &mut out);
    format!("{out:?}")
}

#[test]
fn alerts_that_are_restored_from_any_cut_go_on_as_they_were() {
    // Few are remembered, so that keys are forgotten all the time.
    for max in [16, 60, 5_000] {
        let mut alerts = Alerts::new(&ScoringSettings::default());
        alerts.max = max;
        alerts.track();
        let (mut stored, mut entries) = (Stored::new(), Entries::default());
        let mut under_way: Option<(u64, Vec<u8>, Vec<String>)> = None;
        let (mut cuts, mut gone, mut given_up) = (0, 0, false);
        for n in 0..6_000 {
            if under_way.is_none() && !given_up && n % 31 == 7 {
                under_way = Some((n, alerts.begin_cut(), Vec::new()));
            }
            // Some are given up half way; what they have given is stored nevertheless.
            if under_way.is_some() && n % 89 == 0 {
                under_way = None;
                given_up = true;
            }
            let said = raise(&mut alerts, n);
            if given_up {
                given_up = !alerts.put_back(n as usize % 3);
                store(&mut stored, &entries);
                entries.clear();
            }
            let Some((at, totals, since)) = &mut under_way else {
                continue;
            };
            since.push(said);
            if !alerts.continue_cut(&mut entries, n as usize % 4) {
                continue;
            }
            gone += entries.iter().filter(|e| e.image.is_none()).count();
            store(&mut stored, &entries);
            entries.clear();
            cuts += 1;
            let mut other = restored(&stored, totals, max);
            for (n, said) in (*at..).zip(&*since) {
                assert_eq!(raise(&mut other, n), *said, "row {n} of {max}");
            }
            assert_eq!(other.count, alerts.count);
            under_way = None;
        }
        assert!(cuts > 40, "{cuts} cuts");
        assert!(max > 60 || gone > 10, "{gone} keys were forgotten of {max}");
    }
}

#[test]
fn what_is_noted_of_changes_is_bounded() {
    let mut alerts = Alerts::new(&ScoringSettings::default());
    alerts.max = 8;
    alerts.track();
    let fired = [fired(None, None)];
    let mut n = 0;
    let mut send = |alerts: &mut Alerts, keys: i64| {
        for _ in 0..keys {
            n += 1;
            let mut out = Vec::new();
            alerts.raise(&row(&format!("k{n}"), n), &fired, &mut out);
        }
    };
    let totals = |alerts: &mut Alerts, entries: &mut Entries| {
        let totals = alerts.begin_cut();
        while !alerts.continue_cut(entries, 1) {}
        totals
    };
    let (mut entries, mut stored) = (Entries::default(), Stored::new());
    // Nobody is told of keys that were in no cut.
    send(&mut alerts, 20_000);
    assert!(alerts.bytes() < 8_192, "{} bytes", alerts.bytes());
    totals(&mut alerts, &mut entries);
    assert!(entries.len() <= 8 && entries.iter().all(|entry| entry.image.is_some()));
    store(&mut stored, &entries);
    entries.clear();
    // Of those that were, once each.
    send(&mut alerts, 20_000);
    assert!(alerts.bytes() < 8_192, "{} bytes", alerts.bytes());
    let totals = totals(&mut alerts, &mut entries);
    assert!(entries.len() <= 16, "{} entries", entries.len());
    store(&mut stored, &entries);
    assert_eq!(restored(&stored, &totals, 8).count, alerts.count);
}

#[test]
fn damaged_alerts_are_refused() {
    let mut alerts = Alerts::new(&ScoringSettings::default());
    for n in 0..60 {
        raise(&mut alerts, n);
    }
    alerts.track();
    let totals = alerts.begin_cut();
    let mut entries = Entries::default();
    while !alerts.continue_cut(&mut entries, 9) {}
    let refuses = |totals: &[u8], entries: &[Entry<'_>]| {
        let mut alerts = Alerts::new(&ScoringSettings::default());
        let mut restore = || {
            alerts.begin_restore(totals)?;
            entries.iter().try_for_each(|entry| alerts.restore(entry))?;
            alerts.end_restore()
        };
        restore().is_err()
    };
    let all: Vec<Entry<'_>> = entries.iter().collect();
    assert!(!refuses(&totals, &all));
    assert!(refuses(&totals, &all[1..]), "one is missing");
    assert!(refuses(&totals, &[&all[..], &all[..1]].concat()), "twice");
    let mut gone = all.clone();
    gone[0].image = None;
    assert!(refuses(&totals, &gone), "none is live");
    gone[0].image = Some(b"");
    assert!(refuses(&totals, &gone), "none is there");
    for length in 0..totals.len() {
        assert!(refuses(&totals[..length], &all));
    }
    let image = all[3].image.unwrap();
    for length in 1..image.len() {
        let mut cut_off = all.clone();
        cut_off[3].image = Some(&image[..length]);
        assert!(refuses(&totals, &cut_off), "{length} bytes");
    }
    let mut other = all.clone();
    other[3].hash ^= 1;
    assert!(refuses(&totals, &other), "the hash is another key's");
    other[3].key = b"\xff";
    assert!(refuses(&totals, &other), "the key is no text");
}
