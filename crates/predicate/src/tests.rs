use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use arrow::array::{BooleanArray, Int64Array, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use expect_test::expect;

use super::*;

mod errors;
mod expressions;
mod naive;
mod property;
mod sets;

fn schema() -> Schema {
    Schema::new(vec![
        Field::new("amount_minor", DataType::Int64, true),
        Field::new("count_24h", DataType::Float64, true),
        Field::new("mcc", DataType::Utf8, true),
        Field::new("flagged", DataType::Boolean, true),
        Field::new(
            "event_time",
            DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            true,
        ),
        Field::new("odd", DataType::Int8, true),
    ])
}

fn column(name: &str) -> ArrayRef {
    match name {
        "amount_minor" => Arc::new(Int64Array::from(vec![
            Some(100),
            Some(-5),
            None,
            Some(i64::MAX),
        ])),
        "count_24h" => Arc::new(Float64Array::from(vec![
            Some(2.5),
            None,
            Some(f64::NAN),
            Some(-0.0),
        ])),
        "mcc" => Arc::new(StringArray::from(vec![
            Some("6011"),
            Some("5411"),
            None,
            Some("60%1"),
        ])),
        "flagged" => Arc::new(BooleanArray::from(vec![
            Some(true),
            Some(false),
            None,
            Some(true),
        ])),
        _ => Arc::new(
            TimestampMillisecondArray::from(vec![Some(0), Some(1_767_225_600_000), None, Some(1)])
                .with_timezone("UTC"),
        ),
    }
}

fn columns(names: &[String]) -> Vec<ArrayRef> {
    names.iter().map(|name| column(name)).collect()
}

/// The rows that satisfy `sql`, as a string of bits.
fn rows(sql: &str) -> String {
    let predicate = Predicate::parse(sql, &schema()).unwrap();
    let bits = predicate.evaluate(&columns(predicate.inputs()), 4);
    bits.iter().map(|bit| if bit { '1' } else { '0' }).collect()
}

fn values(sql: &str) -> Vec<Option<f64>> {
    let expression = Expression::parse(sql, &schema()).unwrap();
    expression
        .evaluate(&columns(expression.inputs()), 4)
        .iter()
        .collect()
}

#[test]
fn predicates_pick_rows() {
    for (sql, wanted) in [
        ("amount_minor > 0", "1001"),
        ("amount_minor > 0.5", "1001"),
        ("0 < amount_minor", "1001"),
        ("NOT amount_minor > 0", "0100"),
        ("amount_minor IS NULL", "0010"),
        ("amount_minor = 9223372036854775807", "0001"),
        ("amount_minor < 9223372036854775808.0", "1101"),
        ("amount_minor = -5", "0100"),
        ("count_24h = 0", "0001"),
        ("count_24h <> 0", "1000"),
        ("count_24h IS NULL", "0110"),
        ("count_24h BETWEEN 2 AND 3", "1000"),
        ("mcc IN ('6011', '5411')", "1100"),
        ("mcc NOT IN ('6011')", "0101"),
        ("mcc NOT IN ('6011', NULL)", "0000"),
        ("amount_minor IN (100, 7.5, -5.0)", "1100"),
        ("mcc LIKE '60%'", "1001"),
        ("mcc LIKE '%11'", "1100"),
        ("mcc LIKE '%01%'", "1000"),
        ("mcc LIKE '_0__'", "1001"),
        ("mcc LIKE '60!%1' ESCAPE '!'", "0001"),
        ("mcc NOT LIKE '60%'", "0100"),
        ("flagged", "1001"),
        ("NOT flagged", "0100"),
        ("flagged IS NOT TRUE", "0110"),
        ("flagged IS UNKNOWN", "0010"),
        ("flagged = FALSE", "0100"),
        ("flagged OR mcc = '5411'", "1101"),
        ("flagged AND mcc = '6011'", "1000"),
        ("amount_minor = NULL", "0000"),
        ("amount_minor IS DISTINCT FROM 100", "0111"),
        ("amount_minor % 2 = 1", "0001"),
        ("amount_minor + 1 > 0", "1000"),
        ("left(mcc, 2) = '60'", "1001"),
        ("substr(mcc, 3, 2) = '11'", "1100"),
        ("substring(mcc FROM 3 FOR 2) = '11'", "1100"),
        ("length(mcc) = 4", "1101"),
        ("coalesce(mcc, '') = ''", "0010"),
        ("event_time >= '2026-01-01T00:00:00Z'", "0100"),
        ("event_time = TIMESTAMP '1970-01-01T00:00:00.001Z'", "0001"),
        ("epoch_ms(event_time) % 86400000 < 3600000", "1101"),
        (
            "CASE WHEN flagged THEN amount_minor > 1000 ELSE TRUE END",
            "0111",
        ),
        ("CASE mcc WHEN '6011' THEN 1 ELSE 2 END = 1", "1000"),
        ("NULL", "0000"),
    ] {
        assert_eq!(rows(sql), wanted, "{sql}");
    }
}

#[test]
fn functions_of_codes_and_times() {
    for (sql, wanted) in [
        // 1970-01-01T00:00Z, 2026-01-01T00:00Z and 1 ms after the first: both days are Thursdays.
        ("hour(event_time) = 0", "1101"),
        (
            "hour(event_time, -1) = 23 AND minute(event_time, -1) = 59",
            "1101",
        ),
        (
            "weekday(event_time) = 3 AND weekday(event_time, -1) = 2",
            "1101",
        ),
        ("weekday('2026-11-22T23:59:59Z') = 6", "1111"),
        ("hour(event_time, 9223372036854775807) IS NULL", "1111"),
        ("hour(event_time, amount_minor) = 1", "1000"),
        ("right(mcc, 2) = '11'", "1100"),
        ("right(mcc, 9) = mcc AND right(mcc, 0) = ''", "1101"),
        ("upper('a' ) = 'A' AND upper(mcc) = mcc", "1101"),
        ("upper(coalesce(mcc, 'straße')) = 'STRASSE'", "0010"),
        ("upper(left(upper('x' ), 1)) = 'X'", "1111"),
        ("hex(mcc) = 24593", "1000"),
        ("hex(mcc) IS NULL", "0011"),
        ("hex('7fffFFFFffffffff') = 9223372036854775807", "1111"),
        ("hex('8000000000000000') IS NULL", "1111"),
        (
            "hex('-1') IS NULL AND hex('') IS NULL AND hex('0x1') IS NULL",
            "1111",
        ),
        ("hex(right(mcc, 2)) & 16 + 1 = 17", "1100"),
        ("amount_minor & 4 = 4", "1001"),
        ("amount_minor & NULL IS NULL", "1111"),
        ("floor(count_24h) = 2 AND floor(-count_24h) = -3", "1000"),
        ("round(count_24h) = 3 AND round(-count_24h) = -3", "1000"),
        ("floor(amount_minor) = amount_minor", "1101"),
        ("contains_item(' 6010 ; 6011', mcc)", "1000"),
        ("NOT contains_item('6010;60', mcc)", "1101"),
        ("contains_item(mcc, ' ')", "0000"),
        ("version_before('4.9', '4.10')", "1111"),
        ("version_before('4.10', '4.9')", "0000"),
        (
            "version_before('4.2', '4.2.0') OR version_before('4.2.0', '4.2')",
            "0000",
        ),
        (
            "version_before('4.2', '4.2.rc1') AND version_before('4.2.rc1', '4.2.rc2')",
            "1111",
        ),
        (
            "version_before('18446744073709551616', '18446744073709551617')",
            "1111",
        ),
        ("version_before(mcc, '6000')", "0100"),
        (
            "haversine_km(0, 0, 0, count_24h) BETWEEN 277.98 AND 277.99",
            "1000",
        ),
        ("haversine_km(0, 0, 0, count_24h) = 0", "0001"),
    ] {
        assert_eq!(rows(sql), wanted, "{sql}");
    }
}

#[test]
fn operations_on_constants_become_constants() {
    let canonical = |sql: &str| Expression::parse(sql, &schema()).unwrap().canonical();
    assert_eq!(canonical("hex('ff') & 6"), "6.0");
    assert_eq!(canonical("length(upper('straße'))"), "7.0");
    assert_eq!(canonical("hour('2026-01-01T13:00:00Z', -90)"), "11.0");
    assert_eq!(canonical("contains_item('a; b', 'b')"), "double(TRUE)");
    assert_eq!(canonical("round(2.5) + floor(ln(1))"), "3.0");
    assert_eq!(
        canonical("hex('g') & amount_minor"),
        r#"double((NULL & "amount_minor"))"#
    );
    assert_eq!(
        canonical("hour(event_time) + length(right(mcc, 2))"),
        r#"double((hour("event_time", 0) + length(right("mcc", 2))))"#
    );
}

#[test]
fn distances_are_those_of_the_sphere() {
    let km = |lat1, lon1, lat2, lon2| haversine_km(lat1, lon1, lat2, lon2);
    // A quarter and a half of the circumference.
    let quarter = std::f64::consts::FRAC_PI_2 * 6371.0088;
    assert!((km(0.0, 0.0, 90.0, 12.0) - quarter).abs() < 1e-9);
    assert!((km(0.0, 0.0, 0.0, 180.0) - 2.0 * quarter).abs() < 1e-9);
    assert!((km(30.0, 10.0, -30.0, -170.0) - 2.0 * quarter).abs() < 1e-3);
    // Paris and London.
    let found = km(48.8566, 2.3522, 51.5074, -0.1278);
    assert!((found - 343.556).abs() < 0.01, "{found}");
    assert_eq!(km(51.5, 0.1, 51.5, 0.1), 0.0);
    assert!(km(f64::INFINITY, 0.0, 0.0, 0.0).is_nan());
}

#[test]
fn expressions_give_numbers() {
    assert_eq!(
        values("amount_minor / 8"),
        vec![Some(12.5), Some(-0.625), None, Some(i64::MAX as f64 / 8.0)]
    );
    assert_eq!(values("count_24h / 0"), vec![None; 4]);
    assert_eq!(
        values("flagged"),
        vec![Some(1.0), Some(0.0), None, Some(1.0)]
    );
    assert_eq!(
        values("ln(count_24h)"),
        vec![Some(0.916_290_731_874_155_1), None, None, None]
    );
    assert_eq!(
        values("greatest(amount_minor, 7)"),
        vec![Some(100.0), Some(7.0), Some(7.0), Some(i64::MAX as f64)]
    );
    assert_eq!(
        values("least(count_24h, abs(amount_minor))"),
        vec![Some(2.5), Some(5.0), None, Some(-0.0)]
    );
    assert_eq!(values("-(2 + 3) * 2"), vec![Some(-10.0); 4]);
}

#[test]
fn canonical_text_is_the_same_for_equal_filters() {
    let canonical = |sql: &str| Predicate::parse(sql, &schema()).unwrap().canonical();
    let expected = expect![[r#"(("amount_minor" > 100) AND ("mcc" IN ('5411', '6011')))"#]];
    expected.assert_eq(&canonical("mcc IN ('6011','5411') and 100 < amount_minor"));
    assert_eq!(
        canonical("amount_minor > 100 AND (mcc IN ('5411', '6011'))"),
        canonical("mcc IN ('6011','5411','6011') and 100 < amount_minor"),
    );
    assert_ne!(
        canonical("amount_minor > 1"),
        canonical("amount_minor > 1.0 + count_24h")
    );
}

#[test]
fn hostile_text_is_refused_without_harm() {
    let deep_parentheses = format!("{}1{}", "(".repeat(30_000), ")".repeat(30_000));
    let deep_calls = format!("{}1{} > 0", "abs(".repeat(200), ")".repeat(200));
    let long_chain = format!("amount_minor{} > 0", " + 1".repeat(10_000));
    let chain_in_limits = format!("amount_minor{} > 0", " + 1".repeat(500));
    let many_not = format!("{} flagged", "NOT ".repeat(900));
    let many_minus = format!("{} amount_minor > 0", "- ".repeat(900));
    let cases = format!(
        "{}1{} > 0",
        "CASE WHEN flagged THEN ".repeat(40),
        " END".repeat(40)
    );
    let mut multiplied = "amount_minor".to_owned();
    for _ in 0..10 {
        multiplied = format!("(CASE {multiplied} {}END)", "WHEN 1 THEN 2 ".repeat(40));
    }
    let multiplied = format!("{multiplied} > 0");
    let is_null = format!("mcc {}", "IS NULL ".repeat(400));
    for sql in [
        deep_parentheses,
        deep_calls,
        long_chain,
        chain_in_limits,
        many_not,
        many_minus,
        cases,
        is_null,
        multiplied,
        "'".to_owned(),
        "amount_minor > 1; DROP TABLE x".to_owned(),
        "\u{0}".to_owned(),
        " ".repeat(TEXT_BYTES_MAX + 1),
        String::new(),
    ] {
        let start: String = sql.chars().take(40).collect();
        assert!(Predicate::parse(&sql, &schema()).is_err(), "{start}");
    }
}

#[test]
fn long_flat_texts_are_fine() {
    let codes: Vec<String> = (0..5_000).map(|code| format!("'{code:04}'")).collect();
    assert_eq!(rows(&format!("mcc IN ({})", codes.join(","))), "0000");
    let codes: Vec<String> = (5_000..6_100).map(|code| format!("'{code:04}'")).collect();
    assert_eq!(rows(&format!("mcc IN ({})", codes.join(","))), "1100");
    let any = vec!["mcc = '6011'"; 250].join(" OR ");
    assert_eq!(rows(&any), "1000");
    let nested = format!("{}flagged{}", "(".repeat(25), ")".repeat(25));
    assert_eq!(rows(&nested), "1001");
}

#[test]
fn a_wrong_column_reads_as_null_beyond_debug_assertions() {
    let predicate = Predicate::parse("amount_minor IS NULL", &schema()).unwrap();
    let short: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let sliced = Int64Array::from(vec![None, Some(1), None, Some(2), None]).slice(1, 3);
    let sliced: ArrayRef = Arc::new(sliced);
    let bits = |array: ArrayRef, rows| {
        predicate
            .evaluate(&[array], rows)
            .iter()
            .collect::<Vec<_>>()
    };
    assert_eq!(bits(short, 2), vec![false, false]);
    assert_eq!(bits(sliced, 3), vec![false, true, false]);
}
