//! That every scenario leaves in the stream what it is to be found by.

use serde_json::Value;

use super::{distinct, records, settings, share, text};
use crate::{Emitted, Fleet, Scenario, TruthRecord};

struct Case<'a> {
    truth: &'a TruthRecord,
    fraud: Vec<&'a Value>,
    all: Vec<&'a Value>,
}

fn cases<'a>(
    stream: &'a [(Emitted, Value)],
    fleet: &'a Fleet,
    scenario: Scenario,
) -> Vec<Case<'a>> {
    let last_ms = stream.last().unwrap().0.arrival_ms;
    let cases: Vec<_> = fleet
        .truth()
        .iter()
        .filter(|truth| truth.scenario == scenario && truth.end_ms <= last_ms)
        .map(|truth| {
            let key = truth.key();
            let during = stream.iter().filter(|(emitted, _)| {
                emitted.key == key.as_bytes()
                    && (truth.start_ms..=truth.end_ms).contains(&emitted.arrival_ms)
            });
            let (fraud, all): (Vec<_>, Vec<_>) = during
                .map(|(emitted, value)| ((emitted.fraud == Some(truth.id)).then_some(value), value))
                .unzip();
            let fraud: Vec<_> = fraud.into_iter().flatten().collect();
            assert_eq!(fraud.len(), truth.transactions as usize);
            Case { truth, fraud, all }
        })
        .collect();
    assert!(cases.len() >= 3, "{scenario:?}: {} cases", cases.len());
    cases
}

#[test]
fn every_scenario_shows_its_evidence() {
    let (stream, fleet) = records(&settings(), 40_000);
    let cases = |scenario| cases(&stream, &fleet, scenario);
    for case in cases(Scenario::FabricatedBurst) {
        assert!(case.fraud.len() >= 50);
        assert!(distinct(&case.fraud, "cryptogram_hash") <= 3, "replayed");
        assert!(distinct(&case.fraud, "atc") <= 3);
        assert!(
            share(&case.fraud, |r| r["amount_minor"].as_i64().unwrap()
                % 10_000
                == 0)
                > 0.7
        );
        assert!(
            distinct(&case.fraud, "stan") < case.fraud.len(),
            "used twice"
        );
        assert!(gap_variation(&case.fraud) < 0.1, "like clockwork");
    }
    for case in cases(Scenario::CardEnumeration) {
        let start = case.fraud[0]["event_time"].as_i64().unwrap();
        let five_minutes: Vec<_> = case
            .fraud
            .iter()
            .copied()
            .filter(|r| r["event_time"].as_i64().unwrap() < start + 300_000)
            .collect();
        assert!(distinct(&five_minutes, "card_token") >= 50);
        assert_eq!(distinct(&five_minutes, "bin"), 1);
        assert!(share(&five_minutes, |r| r["response_code"] != "00") > 0.6);
    }
    check_clones(&cases(Scenario::ClonedTerminal));
    for case in cases(Scenario::CashOut) {
        assert!(case.fraud.len() >= 8);
        assert!(distinct(&case.fraud, "card_token") <= 4);
        assert!(
            share(&case.fraud, |r| r["amount_minor"].as_i64().unwrap()
                % 10_000
                == 0)
                > 0.99
        );
        assert!(
            share(&case.fraud, |r| ["01", "90"]
                .contains(&text(r, "entry_mode")))
                > 0.99
        );
    }
    for case in cases(Scenario::SkimmingFallback) {
        assert!(case.all.len() >= 8, "{}", case.all.len());
        let fallback = share(&case.all, |r| ["79", "80"].contains(&text(r, "entry_mode")));
        let contactless = share(&case.all, |r| r["entry_mode"] == "07");
        assert!(
            fallback > 0.15 && contactless < 0.45,
            "{fallback} {contactless}"
        );
    }
}

/// Two devices, of which some give the serial number of the real one, in two places.
fn check_clones(cases: &[Case<'_>]) {
    let (mut clones, mut copied) = (0, 0);
    for case in cases {
        let serials = distinct(&case.all, "hardware_serial");
        assert!((1..=2).contains(&serials), "{:?}", case.truth);
        copied += usize::from(serials == 1);
        clones += 1;
        let lats: Vec<_> = case
            .all
            .iter()
            .map(|r| r["lat"].as_f64().unwrap())
            .collect();
        let lons: Vec<_> = case
            .all
            .iter()
            .map(|r| r["lon"].as_f64().unwrap())
            .collect();
        assert!(spread(&lats) > 0.5 || spread(&lons) > 0.5, "two places");
        assert!(case.fraud.len() >= 8 && case.all.len() > case.fraud.len());
    }
    assert!(
        (1..clones).contains(&copied),
        "{copied} of {clones} clones give the real serial number"
    );
}

fn gap_variation(records: &[&Value]) -> f64 {
    let times: Vec<_> = records
        .iter()
        .map(|r| r["event_time"].as_f64().unwrap())
        .collect();
    let gaps: Vec<_> = times.windows(2).map(|w| w[1] - w[0]).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    variance.sqrt() / mean
}

fn spread(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::MIN, f64::max)
        - values.iter().copied().fold(f64::MAX, f64::min)
}
