//! Rules at work in a lane: what their cool-downs, times and hash come to.

use super::*;

const RULE: &str = r#"
[[rule]]
code = "MANY"
typology = "skimming"
severity = "critical"
probability = 0.5
feature = "count_24h"
words = "many"
all = ["count_24h >= 10", "amount_minor > 0"]
"#;

const MINUTE_MS: i64 = 60_000;

fn scorer_of(rules: &str) -> Scorer {
    let model = load(RULES_TOML, &[("rules.toml", rules)]).unwrap();
    Scorer::new(&Arc::new(lineup(model)))
}

/// The minutes at which one terminal's records, one every five minutes, raise an alert.
fn alerts_of(rules: &str, first_ms: i64) -> Vec<u32> {
    let rows: Vec<Given<'_>> = (0..30)
        .map(|n| ("a", first_ms + n * 5 * MINUTE_MS, Some(10.0), None, 1))
        .collect();
    let scores = scorer_of(rules).score(batch(0, &rows), &FULL);
    scores.alerts.iter().map(|alert| alert.row * 5).collect()
}

#[test]
fn a_rule_cools_down_as_long_as_it_says() {
    assert_eq!(alerts_of(RULE, 0), [0, 60, 120]);
    let patient = format!("{RULE}cooldown = \"100m\"\n");
    assert_eq!(alerts_of(&patient, 0), [0, 100]);
    // The one that waits no longer than usual is heard meanwhile.
    assert_eq!(alerts_of(&format!("{patient}{RULE}"), 0), [0, 60, 120]);
}

#[test]
fn a_rule_fires_within_its_times_only() {
    let timed = format!(
        "{RULE}cooldown = \"0s\"\nfrom = 2026-03-01T00:10:00Z\nuntil = \"2026-03-01T01:25:00+01:00\"\n"
    );
    let midnight_ms = 1_772_323_200_000;
    assert_eq!(alerts_of(&timed, midnight_ms), [10, 15, 20]);
}

#[test]
fn scores_carry_the_hash_of_the_rules() {
    let model = load(RULES_TOML, &[("rules.toml", RULE)]).unwrap();
    let scores = scorer_of(RULE).score(batch(0, &ROWS), &FULL);
    assert_eq!(scores.versions.model_hash, model.info().hash);
    let other = scorer_of(&RULE.replace("10", "11")).score(batch(0, &ROWS), &FULL);
    assert_ne!(other.versions.model_hash, model.info().hash);
}
