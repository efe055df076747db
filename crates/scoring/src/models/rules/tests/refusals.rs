//! Rules that are off, and rules that are refused.

use expect_test::{Expect, expect};

use super::*;

/// One rule with these lines, after these groups.
fn one(lines: &str) -> String {
    format!(
        "[[group]]\nname = \"readers\"\n\n[[rule]]\ncode = \"R\"\nseverity = \"info\"\n\
         probability = 0.5\nfeature = \"count_24h\"\nwords = \"w\"\n{lines}\n"
    )
}

#[test]
fn a_rule_that_is_off_reads_nothing_and_is_checked_all_the_same() {
    let inputs = |lines: &str| {
        let model = load(MODEL, &[("r.toml", &one(lines))]).unwrap();
        model.info().inputs.clone()
    };
    let when = "when = \"mcc = '5411'\"";
    assert_eq!(inputs(when), ["mcc", "count_24h"]);
    assert_eq!(
        inputs(&format!("{when}\nuntil = 2027-01-01T00:00:00+01:00")),
        ["event_time", "mcc", "count_24h"]
    );
    for off in ["enabled = false", "flag = \"pilot\""] {
        assert_eq!(inputs(&format!("{when}\n{off}")), [""; 0]);
        let wrong = format!("when = \"mmc = '5411'\"\n{off}");
        assert!(load(MODEL, &[("r.toml", &one(&wrong))]).is_err());
    }
    let flagged = pilot(&one(&format!("{when}\nflag = \"pilot\""))).unwrap();
    assert_eq!(flagged.info().inputs, ["mcc", "count_24h"]);
}

#[test]
fn the_hash_is_of_the_rules() {
    let hash = |lines: &str| {
        let model = load(MODEL, &[("r.toml", &one(lines))]).unwrap();
        model.info().hash.clone()
    };
    let when = "when = \"count_24h > 1\"";
    assert_eq!(hash(when), hash(when));
    assert_ne!(hash(when), hash("when = \"count_24h > 2\""));
    assert_ne!(hash(when), hash(&format!("{when}\ncooldown = \"2h\"")));
}

fn refused(lines: &str, expected: &Expect) {
    let error = load(MODEL, &[("r.toml", &one(lines))]).unwrap_err();
    expected.assert_eq(&error.to_string());
}

#[test]
fn refusals_say_what_to_do() {
    refused(
        "",
        &expect!["r.toml: rule `R`: has no condition; give `when`, `all` or `any`"],
    );
    refused(
        "all = []",
        &expect!["r.toml: rule `R`: `all` has 0 conditions, 1 to 64 are read"],
    );
    refused(
        "when = \"count_24h > 1\"\ngroup = \"reader\"",
        &expect!["r.toml: rule `R`: no [[group]] is called `reader`; did you mean `readers`?"],
    );
    refused(
        "when = \"count_24h > 1\"\nweight = 0",
        &expect!["r.toml: rule `R`: weight must be above 0, at most 100"],
    );
    refused(
        "when = \"count_24h > 1\"\nweight = 0.001",
        &expect![
            "r.toml: rule `R`: probability must be above the prior 0.001 and below 1, weight \
             0.001 makes it 0.0006929070095474781"
        ],
    );
    refused(
        "any = [\"count_24h > 1\", \"count_24 > 1\"]",
        &expect![
            "r.toml: rule `R`: unknown column `count_24` at character 1; did you mean `count_24h`?"
        ],
    );
    refused(
        "when = \"count_24h > 1\"\nfrom = \"2026-01-01T00:00:00Z\"\nuntil = \"2026-01-01T00:00:00+01:00\"",
        &expect![
            "r.toml: rule `R`: from 2026-01-01T00:00:00Z is not before until 2026-01-01T00:00:00+01:00"
        ],
    );
    refused(
        "when = \"count_24h > 1\"\nfrom = \"2026-01-01\"",
        &expect![[
            r#"r.toml: line 11: `2026-01-01` lacks its date, time of day or offset from UTC; write for example "2026-01-31T00:00:00Z""#
        ]],
    );
    refused(
        "when = \"count_24h > 1\"\nfrom = 2026-01-01T00:00:00",
        &expect![[
            r#"r.toml: line 11: `2026-01-01T00:00:00` lacks its date, time of day or offset from UTC; write for example "2026-01-31T00:00:00Z""#
        ]],
    );
    refused(
        "when = \"count_24h > 1\"\nuntil = \"Friday\"",
        &expect![[
            r#"r.toml: line 11: `Friday` is no time (invalid datetime, expected year or hour); write one such as "2026-01-31T00:00:00Z""#
        ]],
    );
    refused(
        "when = \"count_24h > 1\"\nuntil = 7",
        &expect![[r#"r.toml: line 11: expected a time such as "2026-01-31T00:00:00Z""#]],
    );
    refused(
        "when = \"count_24h > 1\"\ncooldown = \"soon\"",
        &expect![[
            r#"r.toml: line 11: `soon` is not a duration (expected number at 0); write for example "250ms", "10m" or "7d""#
        ]],
    );
    let twice = one("when = \"count_24h > 1\"") + "[[group]]\nname = \"readers\"\n";
    let error = load(MODEL, &[("r.toml", &twice)]).unwrap_err();
    expect!["r.toml: group `readers` is there twice"].assert_eq(&error.to_string());
}
