//! The stream as a whole: determinism, form, and that it shows what it is meant to show.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value;
use tillwatch_records::limits::AMOUNT_MINOR_MAX;
use tillwatch_records::{Column, RecordKind};

use crate::*;

mod scenarios;

/// Small, and with more fraud than usual.
fn settings() -> SimulatorSettings {
    SimulatorSettings {
        terminals: 3_000,
        cards: 100_000,
        fraud_intensity: 8.0,
        ..SimulatorSettings::default()
    }
}

fn bytes(settings: &SimulatorSettings, records: usize) -> (Vec<u8>, Vec<Emitted>) {
    let mut fleet = Fleet::new(settings).unwrap();
    let mut out = Vec::new();
    let emitted = (0..records)
        .map(|_| {
            let emitted = fleet.next(&mut out);
            out.push(b'\n');
            emitted
        })
        .collect();
    (out, emitted)
}

fn records(settings: &SimulatorSettings, records: usize) -> (Vec<(Emitted, Value)>, Fleet) {
    let mut fleet = Fleet::new(settings).unwrap();
    let mut out = Vec::new();
    let parsed = (0..records)
        .map(|_| {
            out.clear();
            let emitted = fleet.next(&mut out);
            (emitted, serde_json::from_slice(&out).unwrap())
        })
        .collect();
    (parsed, fleet)
}

fn text<'a>(record: &'a Value, name: &str) -> &'a str {
    record[name].as_str().unwrap()
}

fn distinct(records: &[&Value], name: &str) -> usize {
    let values: HashSet<_> = records.iter().map(|r| r[name].to_string()).collect();
    values.len()
}

fn share(records: &[&Value], test: impl Fn(&Value) -> bool) -> f64 {
    records.iter().filter(|r| test(r)).count() as f64 / records.len().max(1) as f64
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    let first = bytes(&settings(), 20_000);
    assert_eq!(first, bytes(&settings(), 20_000));
    let other = SimulatorSettings {
        seed: 8,
        ..settings()
    };
    assert_ne!(first.0, bytes(&other, 20_000).0);
}

#[test]
fn records_are_json_with_canonical_names_and_bounded_values() {
    for fields in [FieldSet::Default, FieldSet::Full] {
        let settings = SimulatorSettings {
            fields,
            ..settings()
        };
        let mut ids = HashSet::new();
        for (emitted, record) in records(&settings, 20_000).0 {
            let members = record.as_object().unwrap();
            for name in members.keys() {
                let column = Column::from_name(name).unwrap();
                assert!(fields.columns().contains(&column), "{name}");
            }
            let missing: Vec<_> = fields
                .columns()
                .iter()
                .filter(|column| !members.contains_key(column.name()))
                .map(|column| column.name())
                .collect();
            let chip = ["05", "07"].contains(&text(&record, "entry_mode"));
            assert!(missing.is_empty() || !chip, "{missing:?}");
            let amount = record["amount_minor"].as_i64().unwrap();
            assert!((1..AMOUNT_MINOR_MAX).contains(&amount));
            assert!((1..=999_999).contains(&record["stan"].as_i64().unwrap()));
            assert_eq!(record["event_time"], emitted.event_time_ms);
            assert_eq!(text(&record, "event_id").as_bytes(), emitted.event_id);
            let key = ["acquirer_id", "merchant_id", "terminal_id"].map(|name| text(&record, name));
            assert_eq!(key.join("/").as_bytes(), emitted.key);
            assert!(ids.insert(emitted.event_id), "event ids are unique");
            assert!((30.0..70.0).contains(&record["lat"].as_f64().unwrap()));
        }
    }
}

#[test]
fn event_times_keep_order_without_disorder_and_mostly_with_it() {
    let ordered = SimulatorSettings {
        late_fraction: 0.0,
        advice_fraction: 0.0,
        ..settings()
    };
    let (_, emitted) = bytes(&ordered, 50_000);
    assert!(emitted.is_sorted_by_key(|e| e.event_time_ms));
    let (_, emitted) = bytes(&settings(), 50_000);
    assert!(emitted.is_sorted_by_key(|e| e.arrival_ms));
    let late = emitted
        .iter()
        .filter(|e| e.event_time_ms < e.arrival_ms)
        .count();
    assert!((25..250).contains(&late), "{late} late");
}

#[test]
fn the_default_fleet_has_the_advertised_rate_size_and_share_of_fraud() {
    let mut fleet = Fleet::new(&SimulatorSettings::default()).unwrap();
    let mut out = Vec::new();
    let (mut length, mut fraud, mut first, mut last) = (0, 0, None, 0);
    const RECORDS: usize = 300_000;
    for _ in 0..RECORDS {
        out.clear();
        let emitted = fleet.next(&mut out);
        length += out.len();
        if emitted.fraud.is_some() {
            fraud += 1;
            first.get_or_insert(emitted.arrival_ms);
        }
        last = emitted.arrival_ms;
    }
    let start_ms = SimulatorSettings::default().validate().unwrap();
    let rate = RECORDS as f64 * 1_000.0 / (last - start_ms) as f64;
    let mean = length as f64 / RECORDS as f64;
    let share = f64::from(fraud) / RECORDS as f64;
    assert!((60.0..140.0).contains(&rate), "{rate}");
    assert!((415.0..460.0).contains(&mean), "{mean} bytes");
    assert!((0.003..0.02).contains(&share), "{share}");
    assert!(first.unwrap() - start_ms < 60_000, "fraud begins early");
    for scenario in Scenario::ALL {
        let begun = fleet
            .truth()
            .iter()
            .filter(|truth| truth.scenario == scenario)
            .count();
        assert!(begun >= 5, "{scenario:?}: {begun}");
    }
}

/// Records of one key around one fraud.
#[test]
fn reference_data_is_that_of_the_honest_terminals() {
    let settings = SimulatorSettings {
        fields: FieldSet::Full,
        fraud_intensity: 60.0,
        ..settings()
    };
    let (records, fleet) = records(&settings, 20_000);
    let entries: Vec<ReferenceRow> = fleet.reference_rows().collect();
    assert_eq!(entries.len(), settings.terminals as usize);
    let again: Vec<ReferenceRow> = Fleet::new(&settings).unwrap().reference_rows().collect();
    assert_eq!(entries, again);
    let by_key: BTreeMap<[u8; KEY_BYTES], &ReferenceRow> =
        entries.iter().map(|entry| (entry.key, entry)).collect();
    assert_eq!(by_key.len(), entries.len());
    let (mut other_devices, mut other_versions) = (0, 0);
    for (emitted, record) in &records {
        let entry = by_key[&emitted.key];
        let ids = ["acquirer_id", "merchant_id", "terminal_id"].map(|name| text(record, name));
        assert_eq!(entry.ids(), ids);
        assert_eq!(entry.mcc, text(record, "mcc"));
        let is_own = entry.hardware_serial == text(record, "hardware_serial");
        let mut allowed = entry.app_versions.split(';');
        let is_allowed = allowed.any(|version| version == text(record, "app_version"));
        if emitted.fraud.is_some() {
            other_devices += usize::from(!is_own);
            other_versions += usize::from(!is_allowed);
            continue;
        }
        assert!(is_own && is_allowed, "{record}");
        let at = |name: &str| record[name].as_f64().unwrap();
        let moved = (at("lat") - entry.site.0)
            .abs()
            .max((at("lon") - entry.site.1).abs());
        assert!(moved < if entry.is_mobile { 0.5 } else { 1e-9 }, "{record}");
    }
    assert!(
        other_devices > 0 && other_versions > 0,
        "{other_devices} {other_versions}"
    );
    let hours: BTreeSet<&str> = entries.iter().map(|e| e.opening_hours.as_str()).collect();
    let wanted = ["06:00-01:00", "07:00-22:00", "09:00-20:00", "24/7"];
    assert_eq!(hours.into_iter().collect::<Vec<_>>(), wanted);
}

#[test]
fn honest_terminals_look_honest() {
    let (stream, fleet) = records(&settings(), 40_000);
    let frauds: HashSet<_> = fleet.truth().iter().map(TruthRecord::key).collect();
    let mut by_terminal: HashMap<_, Vec<_>> = HashMap::new();
    for (emitted, record) in &stream {
        let key = std::str::from_utf8(&emitted.key).unwrap();
        if !frauds.contains(key) {
            by_terminal.entry(key).or_default().push(record);
        }
    }
    let honest: Vec<_> = by_terminal.values().flatten().copied().collect();
    assert!(
        by_terminal
            .values()
            .all(|r| distinct(r, "hardware_serial") == 1)
    );
    let approved = share(&honest, |r| r["response_code"] == "00");
    assert!((0.93..0.97).contains(&approved), "{approved}");
    let contactless = share(&honest, |r| r["entry_mode"] == "07");
    assert!((0.55..0.8).contains(&contactless), "{contactless}");
    let stripe = share(&honest, |r| {
        ["79", "80", "90", "01"].contains(&text(r, "entry_mode"))
    });
    assert!((0.003..0.02).contains(&stripe), "{stripe}");
    let refunds = share(&honest, |r| text(r, "processing_code").starts_with("20"));
    assert!((0.0005..0.01).contains(&refunds), "{refunds}");
    let cryptograms: Vec<_> = honest
        .iter()
        .filter(|r| !r["cryptogram_hash"].is_null())
        .copied()
        .collect();
    assert_eq!(distinct(&cryptograms, "cryptogram_hash"), cryptograms.len());
}

#[test]
fn terminal_events_and_labels_on_request() {
    let settings = SimulatorSettings {
        terminals: 20,
        fraud_intensity: 300.0,
        terminal_event_fraction: 0.05,
        labels: true,
        ..settings()
    };
    let (stream, fleet) = records(&settings, 60_000);
    let of_kind = |kind| {
        stream
            .iter()
            .filter(move |(emitted, _)| emitted.kind == kind)
    };
    assert!((500..5_000).contains(&of_kind(RecordKind::TerminalEvent).count()));
    let frauds: HashMap<_, _> = of_kind(RecordKind::Transaction)
        .filter_map(|(emitted, _)| Some((emitted.event_id, (emitted.fraud?, emitted.key))))
        .collect();
    let mut labels = 0;
    for (emitted, record) in of_kind(RecordKind::Label) {
        assert_eq!(
            frauds[&emitted.event_id],
            (emitted.fraud.unwrap(), emitted.key)
        );
        let delay =
            record["reported_time"].as_i64().unwrap() - record["occurred_time"].as_i64().unwrap();
        assert!((86_400_000..=120 * 86_400_000).contains(&delay));
        labels += 1;
    }
    assert!(labels > 0, "{} frauds", fleet.truth().len());
    for (emitted, record) in &stream {
        for name in record.as_object().unwrap().keys() {
            let column = Column::from_name(name).unwrap();
            assert!(column.spec().carried_by.contains(&emitted.kind), "{name}");
        }
    }
    assert!(stream.is_sorted_by_key(|(emitted, _)| emitted.arrival_ms));
}

#[test]
fn settings_are_checked_and_named() {
    let wrong = SimulatorSettings {
        terminals: 0,
        ..settings()
    };
    assert_eq!(
        wrong.validate().unwrap_err().to_string(),
        "simulator setting `terminals` is 0; choose 1 to 10000000"
    );
    for start in ["yesterday", "1969-01-01T00:00:00Z", "2099-01-01T00:00:00Z"] {
        let wrong = SimulatorSettings {
            start: start.to_owned(),
            ..settings()
        };
        assert!(wrong.validate().is_err(), "{start}");
    }
    let wrong = SimulatorSettings {
        fraud_intensity: f64::NAN,
        ..settings()
    };
    assert!(Fleet::new(&wrong).is_err());
    assert!(serde_json::from_str::<SimulatorSettings>(r#"{"terminal": 5}"#).is_err());
    let one = SimulatorSettings {
        terminals: 1,
        activity: 0.000_1,
        ..settings()
    };
    let (_, emitted) = bytes(&one, 2_000);
    assert!(
        emitted.is_sorted_by_key(|e| e.arrival_ms),
        "even one slow terminal goes on, to the end of the clock"
    );
}
