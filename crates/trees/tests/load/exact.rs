//! Scores of models that reference libraries wrote are these libraries' scores, to the bit.

use tillwatch_trees::{Format, Iterations, Link, load, load_with};

use crate::support::golden::{Case, case, cases, folder, numbers};

/// Units in the last place by which a probability may differ from the library's: both compute an
/// exponential of their own.
const PROBABILITY_ULPS_MAX: u64 = 1;

/// scikit-learn's golden raw scores are taken back from its scores by a logarithm.
const ISOLATION_TOLERANCE: f64 = 1e-12;

#[test]
fn raw_scores_have_the_bits_of_the_reference() {
    let cases = cases();
    assert!(cases.len() > 45, "{} cases", cases.len());
    for case in &cases {
        for (position, row) in case.rows.iter().enumerate() {
            let raw = case.model.forest.raw_score(&row.inputs);
            let is_same = match case.format {
                Format::IsolationForestJson => (raw - row.raw).abs() <= ISOLATION_TOLERANCE,
                _ => raw.to_bits() == row.raw.to_bits(),
            };
            assert!(
                is_same,
                "{}, row {position}: {raw} is not {}, of {:?}",
                case.name, row.raw, row.inputs
            );
        }
    }
}

#[test]
fn probabilities_are_the_reference_s_within_a_unit() {
    for case in cases() {
        let link = case.model.forest.link();
        // The library gives out log-odds as they are, or more than a probability can be.
        if case.name.contains("logitraw") {
            assert_eq!(link, Link::SigmoidSingle);
            continue;
        }
        for (position, row) in case.rows.iter().enumerate() {
            let probability = link.probability(row.raw);
            let expected = row.probability.clamp(0.0, 1.0);
            let distance = match case.format {
                Format::IsolationForestJson => {
                    ((probability - expected).abs() > ISOLATION_TOLERANCE).into()
                }
                _ if case.is_single => {
                    let [ours, theirs] = [probability, expected].map(|p| (p as f32).to_bits());
                    u64::from(ours.abs_diff(theirs))
                }
                _ => probability.to_bits().abs_diff(expected.to_bits()),
            };
            assert!(
                distance <= PROBABILITY_ULPS_MAX,
                "{}, row {position}: {probability} is not {expected}",
                case.name
            );
        }
    }
}

#[test]
fn contributions_of_the_references_add_up_to_our_scores() {
    let mut checked = 0;
    for case in cases() {
        for row in case.rows.iter().filter(|row| !row.contributions.is_empty()) {
            let sum: f64 = row.contributions.iter().sum();
            let raw = case.model.forest.raw_score(&row.inputs);
            assert!(
                (sum - raw).abs() <= 1e-5 * raw.abs().max(1.0),
                "{}: contributions add up to {sum}, the score is {raw}",
                case.name
            );
            checked += 1;
        }
    }
    assert!(checked > 400, "{checked} rows");
}

#[test]
fn both_formats_of_xgboost_say_the_same() {
    let read = |file: &str, format| {
        let bytes = std::fs::read(folder().join(file)).expect("a model");
        load(&bytes, format).expect("a model").forest
    };
    assert_eq!(
        read("xgboost_numbers.json", Format::XgBoostJson),
        read("xgboost_numbers.ubj", Format::XgBoostUbj)
    );
}

#[test]
fn trees_after_the_best_iteration_are_left_out_unless_all_are_wanted() {
    let case = case("xgboost_early");
    let all = load_with(&case.bytes, case.format, Iterations::All).expect("a model");
    assert_eq!(all.trees_left_out, 0);
    assert!(case.model.trees_left_out > 0);
    assert_eq!(
        all.forest.trees().len() - case.model.trees_left_out,
        case.model.forest.trees().len()
    );
    assert_eq!(
        all.forest.trees()[..case.model.forest.trees().len()],
        *case.model.forest.trees()
    );
}

#[test]
fn names_are_told_from_positions() {
    let has_names = |bytes: &[u8], format| load(bytes, format).expect("a model").names_features;
    for case in cases() {
        assert!(!has_names(&case.bytes, case.format), "{}", case.name);
    }
    let named = |name: &str, from: &str, to: &str| {
        let case = case(name);
        let text = String::from_utf8(case.bytes).expect("text");
        assert!(text.contains(from), "{name} has no `{from}`");
        has_names(text.replacen(from, to, 1).as_bytes(), case.format)
    };
    assert!(named("lightgbm_numbers", "Column_2", "hour"));
    assert!(named("isolation_forest", "\"f2\"", "\"hour\""));
    let names = r#""feature_names":["a","b","c","d","e","f"]"#;
    assert!(named("xgboost_numbers", "\"feature_names\":[]", names));
}

#[test]
fn two_thousand_trees_over_five_hundred_features() {
    let text = std::fs::read_to_string(folder().join("stumps.rows")).expect("rows");
    let lightgbm = load(lightgbm_stumps().as_bytes(), Format::LightGbmText).expect("LightGBM's");
    let xgboost = load(xgboost_stumps().as_bytes(), Format::XgBoostJson).expect("XGBoost's");
    for (row, line) in text.lines().enumerate() {
        let inputs: Vec<f64> = (0..500).map(|f| stump_value(row as i64, f)).collect();
        let expected = numbers(&line.replace(';', " "));
        let ours = [&lightgbm, &xgboost].map(|model| model.forest.raw_score(&inputs));
        assert_eq!(
            ours.map(f64::to_bits),
            [expected[0], expected[1]].map(f64::to_bits),
            "row {row}"
        );
    }
}

/// Feature, bound, left and right leaf of tree `i`, as in `scripts/golden_trees.py`.
fn stump(i: i64) -> (i64, f64, f64, f64) {
    (
        i * 7919 % 500,
        (i * 104_729 % 2001 - 1000) as f64 / 8.0,
        (i * i * 31 % 1999 - 999) as f64 / 1000.0,
        (i * 37 % 997 - 498) as f64 / 700.0,
    )
}

fn stump_value(row: i64, feature: i64) -> f64 {
    let mixed = row * 6151 + feature * 3571;
    match mixed % 13 {
        0 => f64::NAN,
        _ => (mixed * 17 % 2001 - 1000) as f64 / 8.0,
    }
}

fn lightgbm_stumps() -> String {
    let names: Vec<String> = (0..500).map(|i| format!("f{i}")).collect();
    let mut text = format!(
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=499\n\
         objective=binary sigmoid:1\nfeature_names={}\n\n",
        names.join(" ")
    );
    for i in 0..2000 {
        let (feature, bound, left, right) = stump(i);
        let kind = if i % 2 == 1 { 10 } else { 8 };
        text += &format!(
            "Tree={i}\nnum_leaves=2\nnum_cat=0\nsplit_feature={feature}\nthreshold={bound}\n\
             decision_type={kind}\nleft_child=-1\nright_child=-2\nleaf_value={left} {right}\n\
             leaf_count=1 1\ninternal_count=2\n\n"
        );
    }
    text + "end of trees\n"
}

fn xgboost_stumps() -> String {
    let trees: Vec<String> = (0..2000)
        .map(|i| {
            let (feature, bound, left, right) = stump(i);
            format!(
                r#"{{"left_children":[1,-1,-1],"right_children":[2,-1,-1],"default_left":[{},0,0],"split_type":[0,0,0],"split_indices":[{feature},0,0],"split_conditions":[{bound},{left},{right}],"sum_hessian":[2.0,1.0,1.0]}}"#,
                i % 2
            )
        })
        .collect();
    format!(
        r#"{{"learner":{{"gradient_booster":{{"name":"gbtree","model":{{"trees":[{}]}}}},"learner_model_param":{{"base_score":"[5E-1]","num_feature":"500"}},"objective":{{"name":"binary:logistic"}}}},"version":[3,2,0]}}"#,
        trees.join(",")
    )
}

/// A file of the golden set that is not one of a [`Case`].
#[test]
fn every_model_is_of_a_case() {
    let named: Vec<String> = cases().into_iter().map(|Case { name, .. }| name).collect();
    for entry in std::fs::read_dir(folder()).expect("golden files") {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().and_then(|s| s.to_str()).expect("a name");
        assert!(
            stem == "stumps" || named.iter().any(|name| name == stem),
            "{stem}"
        );
    }
}
