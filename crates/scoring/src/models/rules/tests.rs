//! Random sets of rules against an evaluator that reads the definitions of the module's head row by row;
//! switches and times.

mod refusals;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray, TimestampMillisecondArray};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::kinds::{ModelFiles, ModelKinds};
use crate::loaded::LoadedModel;
use crate::tests::{files, load, run, scope};

const MODEL: &str = "name = \"m\"\nversion = \"1\"\nkind = \"rules\"\nartefact = \"r.toml\"\n";

/// 2026-01-01T00:00:00Z, where the times of rows begin.
const YEAR_MS: i64 = 1_767_225_600_000;

/// What a naive evaluator sees of a row: count, ratio, sum, and the minutes of the year.
#[derive(Debug, Clone)]
struct Row {
    features: [Option<f64>; 3],
    minute: i64,
}

const FEATURES: [&str; 3] = ["count_24h", "decline_ratio_5m", "amount_sum_1h"];

/// `feature op number`.
#[derive(Debug, Clone, Copy)]
struct Term {
    feature: usize,
    is_above: bool,
    number: i8,
}

impl Term {
    fn sql(self) -> String {
        let sign = if self.is_above { ">=" } else { "<" };
        format!("{} {sign} {}", FEATURES[self.feature], self.number)
    }

    fn holds(self, row: &Row) -> bool {
        let number = f64::from(self.number);
        row.features[self.feature].is_some_and(|x| {
            if self.is_above {
                x >= number
            } else {
                x < number
            }
        })
    }
}

#[derive(Debug, Clone)]
struct Given {
    when: Option<Term>,
    all: Option<Vec<Term>>,
    any: Option<Vec<Term>>,
    min_count: Option<(usize, i8)>,
    /// Minutes of the year.
    period: (Option<u8>, Option<u8>),
    enabled: bool,
    /// `pilot` is on, `later` is off.
    flag: Option<bool>,
    group: Option<usize>,
    probability: f64,
    weight: Option<f64>,
}

/// (enabled, combines by max).
type Groups = Vec<(bool, bool)>;

impl Given {
    fn toml(&self, number: usize) -> String {
        let mut out = format!(
            "[[rule]]\ncode = \"R{number}\"\nseverity = \"info\"\nprobability = {:?}\n\
             feature = \"count_24h\"\nwords = \"w\"\n",
            self.probability
        );
        let list = |terms: &Vec<Term>| {
            let quoted: Vec<String> = terms.iter().map(|t| format!("\"{}\"", t.sql())).collect();
            quoted.join(", ")
        };
        let time = |minute: u8| format!("2026-01-01T{:02}:{:02}:00Z", minute / 60, minute % 60);
        let mut line = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                writeln!(out, "{key} = {value}").unwrap();
            }
        };
        line("when", self.when.map(|term| format!("\"{}\"", term.sql())));
        line(
            "all",
            self.all.as_ref().map(|terms| format!("[{}]", list(terms))),
        );
        line(
            "any",
            self.any.as_ref().map(|terms| format!("[{}]", list(terms))),
        );
        line(
            "min_count",
            self.min_count.map(|(feature, count)| {
                format!("{{ feature = \"{}\", count = {count} }}", FEATURES[feature])
            }),
        );
        // As text and as TOML's own.
        line(
            "from",
            self.period.0.map(|minute| format!("\"{}\"", time(minute))),
        );
        line("until", self.period.1.map(time));
        line("enabled", (!self.enabled).then(|| "false".to_owned()));
        line(
            "flag",
            self.flag
                .map(|on| if on { "\"pilot\"" } else { "\"later\"" }.to_owned()),
        );
        line("group", self.group.map(|group| format!("\"g{group}\"")));
        line("weight", self.weight.map(|weight| format!("{weight:?}")));
        out
    }

    fn is_on(&self, groups: &Groups) -> bool {
        self.enabled && self.flag != Some(false) && self.group.is_none_or(|g| groups[g].0)
    }

    fn fires(&self, groups: &Groups, row: &Row) -> bool {
        let (from, until) = self.period;
        self.is_on(groups)
            && self.when.is_none_or(|term| term.holds(row))
            && self.all.iter().flatten().all(|term| term.holds(row))
            && self
                .any
                .as_ref()
                .is_none_or(|any| any.iter().any(|term| term.holds(row)))
            && self.min_count.is_none_or(|(feature, count)| {
                row.features[feature].is_some_and(|x| x >= f64::from(count))
            })
            && from.is_none_or(|from| row.minute >= i64::from(from))
            && until.is_none_or(|until| row.minute < i64::from(until))
    }

    fn evidence(&self) -> f64 {
        -self.weight.unwrap_or(1.0) * (1.0 - self.probability).ln()
    }
}

const PRIOR: f64 = 0.001;

/// Raw score and contribution by rule of those that fire, as the module's head defines them.
fn naive(rules: &[Given], groups: &Groups, row: &Row) -> (f64, BTreeMap<String, f64>) {
    let fired: Vec<usize> = (0..rules.len())
        .filter(|n| rules[*n].fires(groups, row))
        .collect();
    let counts = |n: usize| {
        let Some(group) = rules[n].group.filter(|group| groups[*group].1) else {
            return true;
        };
        let rivals = fired.iter().filter(|m| rules[**m].group == Some(group));
        let best = rivals.fold(n, |best, m| {
            let (a, b) = (rules[best].evidence(), rules[*m].evidence());
            if b > a || b == a && *m < best {
                *m
            } else {
                best
            }
        });
        best == n
    };
    let prior = (PRIOR / (1.0 - PRIOR)).ln();
    let evidence: f64 = fired
        .iter()
        .filter(|n| counts(**n))
        .map(|n| rules[*n].evidence())
        .sum();
    let raw = if fired.is_empty() {
        prior
    } else {
        (evidence.exp() - 1.0).ln()
    };
    let share = |n: &usize| {
        let own = if counts(*n) {
            rules[*n].evidence()
        } else {
            0.0
        };
        (format!("R{n}"), (raw - prior) * own / evidence)
    };
    (raw, fired.iter().map(share).collect())
}

fn text(rules: &[Given], groups: &Groups) -> String {
    let mut out = format!("prior = {PRIOR:?}\n");
    for (number, (enabled, is_max)) in groups.iter().enumerate() {
        let combine = if *is_max { "max" } else { "noisy_or" };
        write!(
            out,
            "[[group]]\nname = \"g{number}\"\nenabled = {enabled}\ncombine = \"{combine}\"\n"
        )
        .unwrap();
    }
    for (number, rule) in rules.iter().enumerate() {
        out += &rule.toml(number);
    }
    out
}

fn columns(model: &LoadedModel, rows: &[Row]) -> Vec<ArrayRef> {
    let column = |name: &String| -> ArrayRef {
        match FEATURES.iter().position(|feature| feature == name) {
            Some(at) => Arc::new(
                rows.iter()
                    .map(|row| row.features[at])
                    .collect::<Float64Array>(),
            ),
            None if name == "event_time" => {
                let times = rows.iter().map(|row| YEAR_MS + row.minute * 60_000);
                let times = TimestampMillisecondArray::from_iter_values(times);
                Arc::new(times.with_timezone("UTC"))
            }
            None if name == "mcc" => Arc::new(StringArray::from(vec![None::<&str>; rows.len()])),
            None => Arc::new(Int64Array::from(vec![None; rows.len()])),
        }
    };
    model.info().inputs.iter().map(column).collect()
}

fn pilot(text: &str) -> Result<Arc<LoadedModel>, ScoringError> {
    let files: ModelFiles = files(MODEL, &[("r.toml", text)]);
    ModelKinds::standard()
        .with_flags(&["pilot".to_owned()])
        .load(&files, &scope())
}

fn terms() -> impl Strategy<Value = Vec<Term>> {
    prop::collection::vec(term(), 1..4)
}

fn term() -> impl Strategy<Value = Term> {
    (0..3_usize, any::<bool>(), -3..4_i8).prop_map(|(feature, is_above, number)| Term {
        feature,
        is_above,
        number,
    })
}

fn given() -> impl Strategy<Value = Given> {
    let conditions = (
        prop::option::of(term()),
        prop::option::of(terms()),
        prop::option::of(terms()),
        prop::option::weighted(0.2, (0..3_usize, -3..3_i8)),
    );
    let period = (
        prop::option::weighted(0.2, 0..30_u8),
        prop::option::weighted(0.2, 30..60_u8),
    );
    let switches = (
        prop::bool::weighted(0.9),
        prop::option::weighted(0.2, any::<bool>()),
        prop::option::of(0..3_usize),
    );
    // Few values, so that some rules are equals.
    let strength = (
        prop::sample::select(vec![0.01, 0.3, 0.5, 0.99]),
        prop::option::weighted(0.4, prop::sample::select(vec![0.25, 0.5, 2.0, 7.5])),
    );
    (conditions, period, switches, strength).prop_map(|(conditions, period, switches, strength)| {
        let (when, all, any, min_count) = conditions;
        let (enabled, flag, group) = switches;
        let when = when.or((all.is_none() && any.is_none()).then_some(Term {
            feature: 0,
            is_above: true,
            number: 0,
        }));
        Given {
            when,
            all,
            any,
            min_count,
            period,
            enabled,
            flag,
            group,
            probability: strength.0,
            weight: strength.1,
        }
    })
}

fn row() -> impl Strategy<Value = Row> {
    let value = || prop::option::weighted(0.9, (-4..5_i8).prop_map(f64::from));
    ([value(), value(), value()], 0..60_i64).prop_map(|(features, minute)| Row { features, minute })
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(17),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_rules_say_what_their_definition_says(
        rules in prop::collection::vec(given(), 1..8),
        groups in prop::collection::vec((prop::bool::weighted(0.8), any::<bool>()), 3),
        rows in prop::collection::vec(row(), 1..150),
        cut in 1..150_usize,
    ) {
        let model = pilot(&text(&rules, &groups)).unwrap();
        let on = rules.iter().filter(|rule| rule.is_on(&groups)).count();
        prop_assert_eq!(model.rules().count(), on);
        let found = run(&model, &columns(&model, &rows), rows.len());
        for (at, row) in rows.iter().enumerate() {
            let (raw, contributions) = naive(&rules, &groups, row);
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs().max(1.0);
            prop_assert!(near(found.raw[at], raw), "{} for {raw}", found.raw[at]);
            let probability = 1.0 / (1.0 + (-raw).exp());
            prop_assert!((found.probability[at] - probability).abs() < 1e-12);
            let told: BTreeMap<String, f64> = found.signals.iter()
                .filter(|signal| signal.row as usize == at)
                .map(|signal| (signal.reason.definition.code.clone(), signal.reason.contribution))
                .collect();
            prop_assert_eq!(told.keys().collect::<Vec<_>>(), contributions.keys().collect::<Vec<_>>());
            prop_assert!(told.iter().all(|(code, share)| near(*share, contributions[code])));
            let prior_raw = (PRIOR / (1.0 - PRIOR)).ln();
            prop_assert!(near(told.values().sum::<f64>(), found.raw[at] - prior_raw));
        }
        // The same bits however the rows are cut.
        let mut parts = (Vec::new(), Vec::new(), Vec::new());
        for chunk in rows.chunks(cut) {
            let part = run(&model, &columns(&model, chunk), chunk.len());
            let first = parts.0.len();
            parts.0.extend(part.raw.iter().map(|raw| raw.to_bits()));
            parts.1.extend(part.probability.iter().map(|p| p.to_bits()));
            let seen = part.signals.iter().map(|signal| (
                first + signal.row as usize,
                signal.reason.definition.code.clone(),
                signal.reason.contribution.to_bits(),
            ));
            parts.2.extend(seen);
        }
        prop_assert_eq!(parts.0, found.raw.iter().map(|raw| raw.to_bits()).collect::<Vec<_>>());
        prop_assert_eq!(parts.1, found.probability.iter().map(|p| p.to_bits()).collect::<Vec<_>>());
        let whole = found.signals.iter().map(|signal| (
            signal.row as usize,
            signal.reason.definition.code.clone(),
            signal.reason.contribution.to_bits(),
        ));
        prop_assert_eq!(parts.2, whole.collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(18),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn damaged_rules_are_refused_or_score(
        rules in prop::collection::vec(given(), 1..4),
        groups in prop::collection::vec(any::<(bool, bool)>(), 3),
        damage in prop::collection::vec(
            (any::<prop::sample::Index>(), "[-0-9a-z\"'\\[\\]=.,()\n]{0,2}"),
            1..4,
        ),
        rows in prop::collection::vec(row(), 1..70),
    ) {
        let mut damaged: Vec<String> = text(&rules, &groups).chars().map(String::from).collect();
        for (at, instead) in damage {
            let at = at.index(damaged.len());
            damaged[at] = instead;
        }
        if let Ok(model) = pilot(&damaged.concat()) {
            let found = run(&model, &columns(&model, &rows), rows.len());
            prop_assert!(found.probability.iter().all(|p| (0.0..=1.0).contains(p)));
            prop_assert!(found.raw.iter().all(|raw| raw.is_finite()));
            prop_assert!(found.signals.iter().all(|signal| signal.reason.contribution >= 0.0));
        }
    }
}
