//! What is loaded, and what is refused with a remedy.

use super::*;

fn check_error(description: &str, artefacts: &[(&str, &str)], expect: &Expect) {
    expect.assert_eq(&load(description, artefacts).unwrap_err().to_string());
}

#[test]
fn a_model_of_one_stage_fits_a_chain_that_has_the_stage() {
    let part = |name: &str, version: &str| CatalogId {
        name: name.to_owned(),
        version: version.to_owned(),
    };
    let chain = InputScope {
        catalog: "terminal+card".to_owned(),
        catalog_version: "abba".to_owned(),
        parts: vec![part("terminal", "c0ffee"), part("card", "decade")],
        ..scope()
    };
    let rules = |more: &str| ModelFiles {
        description: format!("{RULES_TOML}{more}"),
        files: [("rules.toml".to_owned(), RULES.as_bytes().to_vec())].into(),
        ..ModelFiles::default()
    };
    let fits = |more: &str| ModelKinds::standard().load(&rules(more), &chain).is_ok();
    assert!(fits("catalog = \"terminal\""));
    assert!(fits("catalog = \"terminal\"\ncatalog_version = \"c0ffee\""));
    assert!(fits(
        "catalog = \"terminal+card\"\ncatalog_version = \"abba\""
    ));
    // Name and version of the same catalog.
    assert!(!fits(
        "catalog = \"terminal\"\ncatalog_version = \"decade\""
    ));
    assert!(!fits("catalog = \"merchant\""));
}

#[test]
fn a_description_that_cannot_be_used_is_refused_with_a_remedy() {
    let rules = [("rules.toml", RULES)];
    let with = |more: &str| format!("{RULES_TOML}{more}");
    check_error(
        &RULES_TOML.replace("\"rules\"", "\"rule\""),
        &rules,
        &expect![
            "model.toml: unknown kind `rule`; did you mean `rules`?; known are half_space_trees, \
             isolation_forest, lightgbm, logistic, random_cut_forest, rules, xgboost, ensemble"
        ],
    );
    check_error(
        &RULES_TOML.replace("version", "versoin"),
        &rules,
        &expect![
            "model.toml: line 3: unknown field `versoin`, expected one of `name`, `version`, \
             `kind`, `artefact`, `catalog`, `catalog_version`, `inputs`, `golden`, `card`, \
             `output`, `calibration`, `ensemble`, `reasons`; did you mean `version`?"
        ],
    );
    check_error(
        RULES_TOML,
        &[("rule.toml", RULES)],
        &expect![
            "model `terminal-rules` names the file `rules.toml`, which is not beside model.toml; \
             did you mean `rule.toml`?"
        ],
    );
    check_error(
        &with("catalog = \"card\""),
        &rules,
        &expect![
            "model `terminal-rules` was made for catalog `card`, this is `terminal`; train it \
             again on this catalog or run with that one"
        ],
    );
    check_error(
        &with("catalog_version = \"abc\""),
        &rules,
        &expect![
            "model `terminal-rules` was made for catalog `abc`, this is `c0ffee`; train it again \
             on this catalog or run with that one"
        ],
    );
    check_error(
        &with("inputs = [\"count_24\"]"),
        &rules,
        &expect![
            "model `terminal-rules` reads `count_24`, which the catalog does not have; did you \
             mean `count_24h`?"
        ],
    );
}

#[test]
fn rules_that_cannot_be_used_are_refused_with_a_remedy() {
    check_error(
        RULES_TOML,
        &[("rules.toml", &RULES.replace("ratio_5m >", "rate_5m >"))],
        &expect![
            "rules.toml: rule `CARD_ENUMERATION`: unknown column `decline_rate_5m` at character \
             1; did you mean `decline_ratio_5m`?"
        ],
    );
    check_error(
        RULES_TOML,
        &[("rules.toml", &RULES.replace("threshold", "treshold"))],
        &expect![
            "rules.toml: line 11: unknown field `treshold`, expected one of `code`, `typology`, \
             `severity`, `group`, `enabled`, `flag`, `from`, `until`, `when`, `all`, `any`, \
             `min_count`, `probability`, `weight`, `cooldown`, `feature`, `baseline`, \
             `threshold`, `window`, `words`, `action`; did you mean `threshold`?"
        ],
    );
    check_error(
        RULES_TOML,
        &[("rules.toml", &RULES.replace("0.9", "1.5"))],
        &expect![
            "rules.toml: rule `CARD_ENUMERATION`: probability must be above the prior 0.001 and below 1"
        ],
    );
}

#[test]
fn numbers_that_cannot_be_used_are_refused_with_a_remedy() {
    let wrong = GOLDEN.replace("-1.0", "-1.25");
    check_error(
        LOGISTIC_TOML,
        &[("line.toml", LOGISTIC), ("golden.json", &wrong)],
        &expect![
            "golden.json: row 1: expected raw score -1.25, got -1.0; the model is not the one \
             that made these vectors"
        ],
    );
    let text_input = LOGISTIC_TOML.replace("\"amount_minor\"", "\"mcc\"");
    check_error(
        &text_input,
        &[("line.toml", LOGISTIC)],
        &expect!["model `line` reads `mcc` as a number, but it is text"],
    );
    let no_scale = LOGISTIC.replace("scale = 1000.0", "scale = 0.0");
    check_error(
        LOGISTIC_TOML,
        &[("line.toml", &no_scale)],
        &expect!["line.toml: term `amount_minor` has a number that is not finite, or scale 0"],
    );
}

#[test]
fn settings_read_and_refuse() {
    let settings: ScoringSettings = text::read_toml(
        "tillwatch.toml",
        "review_from = 300\nalert_cooldown = \"10m\"",
    )
    .unwrap();
    assert_eq!(
        (settings.review_from, settings.alert_cooldown.as_ms()),
        (300, 600_000)
    );
    let error = text::read_toml::<ScoringSettings>("tillwatch.toml", "review_form = 300");
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("did you mean `review_from`?")
    );
    let crossed = ScoringSettings {
        review_from: 950,
        ..ScoringSettings::default()
    };
    assert!(crossed.validate().is_err());
}
