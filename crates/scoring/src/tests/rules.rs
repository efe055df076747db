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

#[test]
fn rules_read_what_is_joined() {
    let rules = r#"
prior = 0.001

[[rule]]
code = "OVER_FLOOR_LIMIT"
severity = "warning"
when = "amount_minor > registry_floor_limit_minor AND registry_model LIKE 'X%'"
probability = 0.5
feature = "registry_floor_limit_minor"
words = "above the floor limit"
"#;
    let model = load(RULES_TOML, &[("rules.toml", rules)]).unwrap();
    let lineup = Arc::new(lineup(model));
    let mut scorer = Scorer::new(&lineup);
    let needed = lineup.joined_needed();
    let names: Vec<&String> = needed.iter().map(Field::name).collect();
    assert_eq!(names, ["registry_floor_limit_minor", "registry_model"]);
    let given = |first| {
        let amounts = [500, 1_500, 1_500];
        let rows = amounts.map(|amount| ("a", 0, None, None, amount));
        batch(first, &rows)
    };
    // Without the columns the rule has nothing to go by.
    assert_eq!(scorer.score(given(0), &FULL).probabilities, vec![0.001; 3]);
    let mut joined = given(3);
    joined.events.joined = Some(
        RecordBatch::try_new(
            Arc::new(Schema::new(needed)),
            vec![
                Arc::new(Int64Array::from(vec![Some(1_000), Some(1_000), None])),
                Arc::new(StringArray::from(vec!["X1"; 3])),
            ],
        )
        .unwrap(),
    );
    let scores = scorer.score(
        joined,
        &ScoreContext {
            reference: Some("abc"),
            ..FULL
        },
    );
    assert_eq!(scores.probabilities, vec![0.001, 0.5, 0.001]);
    assert_eq!(scores.versions.reference.as_deref(), Some("abc"));
    assert_eq!(scores.reasons.row(1)[0].value, 1_000.0);
    let wrong = rules.replace("registry_model", "registry_modle");
    let error = load(RULES_TOML, &[("rules.toml", &wrong)]).unwrap_err();
    assert!(
        error.to_string().contains("did you mean `registry_model`?"),
        "{error}"
    );
}

#[test]
fn rules_combine_by_noisy_or() {
    let model = load(RULES_TOML, &[("rules.toml", RULES)]).unwrap();
    let column = |name: &String| -> ArrayRef {
        match name.as_str() {
            "amount_minor" => Arc::new(Int64Array::from(vec![200_000, 1, 200_000])),
            "mcc" => Arc::new(StringArray::from(vec!["5411", "5411", "6011"])),
            "decline_ratio_5m" => Arc::new(Float64Array::from(vec![0.75, 0.75, 0.5])),
            "count_24h" => Arc::new(Float64Array::from(vec![10.0, 9.0, 10.0])),
            _ => Arc::new(Float64Array::from(vec![Some(70.0), None, None])),
        }
    };
    let columns: Vec<ArrayRef> = model.info().inputs.iter().map(column).collect();
    let output = run(&model, &columns, 3);
    // Both rules, then neither: too few transactions, then an exempt category.
    assert_eq!(
        output.probability,
        vec![1.0 - (1.0 - 0.9) * 0.5, 0.001, 0.001]
    );
    assert!((output.raw[0] - (0.95_f64 / 0.05).ln()).abs() < 1e-12);
    let shares: f64 = output.signals.iter().map(|s| s.reason.contribution).sum();
    assert!((shares - (output.raw[0] - output.raw[1])).abs() < 1e-12);
    let reasons: Vec<_> = output
        .signals
        .iter()
        .map(|s| {
            (
                s.row,
                s.reason.definition.typology,
                s.reason.value,
                s.reason.baseline,
            )
        })
        .collect();
    let wanted = vec![
        (0, Some(Typology::Fabricated), 0.75, None),
        (0, Some(Typology::CashOut), 200_000.0, Some(70.0)),
    ];
    assert_eq!(reasons, wanted);
    assert_eq!(
        output.signals[0].reason.definition.severity,
        Severity::Critical
    );
}
