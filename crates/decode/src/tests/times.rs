//! Times as sites write them, from the settings to the column.

use super::*;

/// 2026-01-05T08:01:04Z.
const MS: &str = "1767600064000";

/// A batch of one record of `payload`, with the Kafka timestamp `arrival`.
fn arrived(payload: &str, arrival: Option<&str>) -> RawBatch {
    let mut batch = RawBatch::new(TopicPartition::new("payments", 0));
    let ms = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    batch.push(0, arrival.map(ms), None, Some(payload.as_bytes()), []);
    batch
}

/// The event time of `GOOD` with `member` in place of its own, or why the record is refused.
fn event_time(settings: &str, member: &str, arrival: Option<&str>) -> Result<String, String> {
    let payload = with(member).replace(r#""event_time":1522540831250,"#, "");
    let decoded = decoder(settings, all_columns()).decode(&arrived(&payload, arrival));
    if let Some(refusal) = decoded.refusals.first() {
        return Err(format!("{}: {}", refusal.reason, refusal.detail));
    }
    let times = decoded.events.column(Column::EventTime).unwrap();
    Ok(cell(times, 0))
}

#[test]
fn de7_has_the_year_of_the_kafka_timestamp() {
    let settings = "units.event_time = \"de7\"";
    let at =
        |value: &str, arrival| event_time(settings, &format!("\"event_time\":{value}"), arrival);
    for (value, arrival, meant) in [
        ("\"0105080104\"", "2026-01-05T08:01:05Z", MS),
        ("105080104", "2026-01-05T08:01:05Z", MS),
        ("105080104.0", "2026-01-05T08:01:05Z", MS),
        ("\"\\u0030105080104 \"", "2026-01-05T08:01:05Z", MS),
        ("1231235959", "2026-01-01T00:00:01Z", "1767225599000"),
        ("\"0101000001\"", "2025-12-31T23:59:59Z", "1767225601000"),
    ] {
        assert_eq!(at(value, Some(arrival)), Ok(meant.to_owned()), "{value}");
    }
    assert_eq!(
        at("105080104", None).unwrap_err(),
        "bad_time: `event_time`: a time without a year, in a record without a Kafka timestamp that \
         would tell it; name a day that is `near` in its format in [decode.units]"
    );
    let near = "units.event_time = { format = \"de7\", near = \"2026-02-01\" }";
    let member = "\"event_time\":105080104";
    assert_eq!(event_time(near, member, None), Ok(MS.to_owned()));
}

#[test]
fn several_fields_make_one_time() {
    let settings = r#"
        fields.event_time = { fields = ["iso.13", "iso.12"] }
        units.event_time = { pattern = "%m%d %H%M%S", zone = "+01:00" }
    "#;
    let at = |member: &str| event_time(settings, member, Some("2026-01-05T08:01:05Z"));
    for (member, meant) in [
        (r#""iso":{"12":"090104","13":"0105"}"#, MS),
        (r#""iso":{"12":90104,"13":105}"#, MS),
        (r#""iso":{"12":90104.0,"13":1.05e2}"#, MS),
        (r#""iso":{"12":"\u003090104","13":" 0105 "}"#, MS),
        (r#""iso":{"12":0,"13":101}"#, "1767222000000"),
    ] {
        assert_eq!(at(member), Ok(meant.to_owned()), "{member}");
    }
    let missing = "missing_field: `event_time`: required, but absent, null or empty";
    for member in [
        r#""iso":{"12":"090104"}"#,
        r#""iso":{"12":null,"13":"0105"}"#,
        r#""iso":{"12":"090104","13":""}"#,
        r#""iso":7"#,
    ] {
        assert_eq!(at(member), Err(missing.to_owned()), "{member}");
    }
    for member in [
        r#""iso":{"12":"0901040","13":"0105"}"#,
        r#""iso":{"12":"090104","13":"1305"}"#,
        r#""iso":{"12":90104.5,"13":105}"#,
    ] {
        assert!(
            at(member).unwrap_err().starts_with("bad_time: "),
            "{member}"
        );
    }
    for member in [
        r#""iso":{"12":[1],"13":105}"#,
        r#""iso":{"12":true,"13":105}"#,
    ] {
        assert!(
            at(member).unwrap_err().starts_with("wrong_type: "),
            "{member}"
        );
    }
}

#[test]
fn a_date_and_a_time_are_what_a_format_reads() {
    let settings = r#"
        fields.event_time = { fields = ["date", "time"] }
        units.event_time = { format = "rfc3339", zone = "Europe/Berlin" }
    "#;
    let member = r#""date":"2026-01-05","time":"09:01:04""#;
    assert_eq!(event_time(settings, member, None), Ok(MS.to_owned()));
    let settings =
        "fields.event_time = { fields = [\"date\", \"time\"] }\nunits.event_time = \"auto\"";
    let member = r#""date":20260105,"time":"080104""#;
    assert_eq!(event_time(settings, member, None), Ok(MS.to_owned()));
}

#[test]
fn every_column_of_times_takes_every_format() {
    let settings = r#"
        units.event_time = { pattern = "%d/%m/%Y %H:%M:%S" }
        units.maintenance_start = { base = "2026-01-05", unit = "s" }
        record_type.default = "terminal_event"
        [columns]
        follows = { type = "timestamp" }
        sent = { type = "timestamp", format = { pattern = "%d %b %Y" } }
        counted = { type = "timestamp", format = { base = "2026-01-05", unit = "h" } }
    "#;
    let settings: DecodeSettings = toml::from_str(settings).unwrap();
    let own = settings.own_columns().unwrap();
    let plan = DecodePlan::with_own_columns(
        &settings,
        Arc::new(all_columns()),
        &own,
        &KeySpec::terminal(),
    );
    let payload = with(
        r#""maintenance_start":28864,"follows":"05/01/2026 08:01:04","sent":"5 Jan 2026","counted":1.5"#,
    );
    let payload = payload.replace("1522540831250", "\"05/01/2026 08:01:04\"");
    let events = Decoder::new(Arc::new(plan.unwrap()))
        .decode(&batch(&[payload]))
        .events;
    let canonical = |column| cell(events.column(column).unwrap(), 0);
    assert_eq!(canonical(Column::EventTime), MS);
    assert_eq!(canonical(Column::MaintenanceStart), MS);
    let own = |name| cell(events.named(name).unwrap(), 0);
    assert_eq!(own("follows"), MS);
    assert_eq!(own("sent"), "1767571200000");
    assert_eq!(own("counted"), "1767576600000");
}

#[test]
fn settings_of_times_are_checked_whether_or_not_somebody_reads_them() {
    let refused = |settings: &str| {
        let nothing = Projection::new([]);
        plan_of(settings, nothing).unwrap_err().to_string()
    };
    expect_test::expect![[r#"
        [
            "decode: `event_time` of [decode.units] has the zone `Berlin`, which is none; write a name of the IANA database, as \"Europe/Berlin\", or an offset, as \"+01:00\"",
            "decode: `reported_time` of [decode.units] has the pattern `%H:%M`, which says no day; it needs %m and %d, or %Y and %j; docs/records.md lists the conversions",
            "decode: `sent` of [decode.columns] has a `base` without a `unit`: write \"ns\", \"us\", \"ms\", \"s\", \"min\", \"h\" or \"d\"",
            "decode: column `event_time` has fewer than two `fields`; name a single one by its path alone",
            "decode: column `rrn` is read from one field; only times are joined from several",
            "decode: the path `a..b` of column `event_time` has an empty name; write a literal dot as `\\.`",
            "decode: column `event_time` may not be read from `track2`: card numbers, track data, PIN blocks and verification values are never built; map a keyed token instead",
            "decode: `a.b` is read as two of value, object and array; map only one of them",
            "decode: column `ingest_time` is the Kafka record timestamp; take it out of the mapping",
        ]
    "#]].assert_debug_eq(
        &[
            "units.event_time = { format = \"auto\", zone = \"Berlin\" }",
            "units.reported_time = { pattern = \"%H:%M\" }",
            "columns.sent = { type = \"timestamp\", format = { base = \"2026-01-01\" } }",
            "fields.event_time = { fields = [\"date\"] }",
            "fields.rrn = { fields = [\"a\", \"b\"] }",
            "fields.event_time = { fields = [\"a..b\", \"c\"] }",
            "fields.event_time = { fields = [\"track2\", \"c\"] }",
            "fields.event_time = { fields = [\"a\", \"a.b\"] }",
            "fields.ingest_time = { fields = [\"a\", \"b\"] }",
        ]
        .map(refused),
    );
}
