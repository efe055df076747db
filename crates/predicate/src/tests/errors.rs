//! What a text that is refused is told.

use expect_test::{Expect, expect};

use super::*;

fn check_error(sql: &str, expect: &Expect) {
    expect.assert_eq(&Predicate::parse(sql, &schema()).unwrap_err().to_string());
}

#[test]
fn errors_say_what_and_where() {
    check_error(
        "mcc = 6011",
        &expect![
            "`=` cannot take column `mcc` (text) and `6011` (integer) at character 1, in `mcc = \
             6011`; write text in quotes and numbers without"
        ],
    );
    check_error(
        "flagged AND amout_minor > 1",
        &expect!["unknown column `amout_minor` at character 13; did you mean `amount_minor`?"],
    );
    check_error(
        "amount_minor >",
        &expect!["cannot read `amount_minor >`: Expected: an expression, found: EOF"],
    );
    check_error(
        "amount_minor > 1 2",
        &expect!["cannot read `amount_minor > 1 2`: expected the end, found `2` at character 18"],
    );
    check_error(
        "abz(amount_minor) > 1",
        &expect![
            "unknown function `abz` at character 1; did you mean `abs`?; known are abs, coalesce, \
             contains_item, epoch_ms, floor, greatest, haversine_km, hex, hour, least, left, \
             length, ln, minute, right, round, substr, upper, version_before, weekday"
        ],
    );
    check_error(
        "amount_minor",
        &expect!["`amount_minor` gives integer, not true or false; compare it with something"],
    );
    check_error(
        "odd > 1",
        &expect!["column `odd` at character 1 has type Int8, which expressions cannot read"],
    );
    check_error(
        "ln(mcc) > 1",
        &expect!["function `ln` cannot take column `mcc` (text) at character 1, in `ln(mcc)`"],
    );
    check_error(
        "ln() > 1",
        &expect!["`ln` at character 1 takes one argument, got 0"],
    );
    check_error(
        "hour(event_time, 60, 1) > 1",
        &expect!["`hour` at character 1 takes one or two arguments, got 3"],
    );
}

#[test]
fn errors_about_types_say_what_fits() {
    check_error(
        "hour(amount_minor) > 1",
        &expect![
            "function `hour` cannot take column `amount_minor` (integer) at character 1, in \
             `hour(amount_minor)`"
        ],
    );
    check_error(
        "count_24h & 1 = 1",
        &expect![
            "`&` cannot take column `count_24h` (decimal) and `1` (integer) at character 1, in \
             `count_24h & 1`"
        ],
    );
    check_error(
        "floor(count_24h TO DAY) > 1",
        &expect!["`FLOOR(count_24h TO DAY)` at character 7 is not supported"],
    );
    check_error(
        "mcc IN ('1', 2)",
        &expect![
            "`IN` cannot take column `mcc` (text) and `2` (integer) at character 1, in `mcc IN ('1', 2)`"
        ],
    );
    check_error(
        "event_time > 5",
        &expect![
            "`>` cannot take column `event_time` (time) and `5` (integer) at character 1, in \
             `event_time > 5`; write a time as TIMESTAMP '…', or convert the column with epoch_ms"
        ],
    );
    check_error(
        "amount_minor > 99999999999999999999",
        &expect![
            "`99999999999999999999` at character 16 is not a 64-bit integer; write a decimal \
             point for a double"
        ],
    );
    check_error(
        "mcc LIKE mcc",
        &expect!["`mcc` at character 10 is not supported; a LIKE pattern is a 'text' literal"],
    );
    check_error(
        "amount_minor IN (SELECT 1)",
        &expect!["`amount_minor IN (SELECT 1)` at character 1 is not supported"],
    );
    check_error(
        "flagged OR amount_minor",
        &expect![
            "`OR` cannot take column `amount_minor` (integer) at character 12, in `amount_minor`; \
             compare it with something"
        ],
    );
    check_error(
        "1 + 'a' > 2",
        &expect!["`+` cannot take `1` (integer) and `'a'` (text) at character 1, in `1 + 'a'`"],
    );
}
