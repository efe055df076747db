//! Columns of the site's own.

use tillwatch_records::limits::{OWN_COLUMN_NAME_BYTES_MAX, OWN_COLUMNS_MAX};

use super::*;

const COLUMNS: &str = r#"
    [columns]
    store_tier = { type = "text", field = "store.tier" }
    queue_ms = { type = "integer" }
    is_kiosk = { type = "boolean", field = "kiosk" }
    basket = { type = "float", field = "basket.weight" }
    received = { type = "timestamp", format = "rfc3339", field = "recv" }
    sent = { type = "timestamp", header = "sent-at" }
"#;

/// A decoder that builds those of the columns of `settings` that are among `names`, and no canonical one.
fn own_decoder(settings: &str, names: &[&str]) -> Decoder {
    let settings: DecodeSettings = toml::from_str(settings).unwrap();
    let mut own = settings.own_columns().unwrap();
    own.retain(|column| names.contains(&column.name()));
    let projection = Arc::new(Projection::new([]));
    let key = KeySpec::terminal();
    let plan = DecodePlan::with_own_columns(&settings, projection, &own, &key).unwrap();
    Decoder::new(Arc::new(plan))
}

/// The value of `name` in a record that has `member`, or why that is refused.
fn own_value(name: &str, member: &str) -> Result<Option<String>, String> {
    let decoded =
        own_decoder(&format!("{STRICT}{COLUMNS}"), &[name]).decode(&batch(&[with(member)]));
    if let Some(refusal) = decoded.refusals.first() {
        return Err(format!("{}: {}", refusal.reason, refusal.detail));
    }
    let joined = decoded.events.joined.unwrap();
    let array = joined.column_by_name(name).unwrap();
    Ok(array.is_valid(0).then(|| cell(array, 0)))
}

#[test]
fn values_are_those_of_the_declared_type() {
    let text = |text: &str| Ok(Some(text.to_owned()));
    for (name, member, expected) in [
        ("store_tier", r#""store":{"tier":"gold"}"#, text("gold")),
        ("store_tier", r#""store":{"tier":7}"#, text("7")),
        ("store_tier", r#""store":{"tier":"\u00e9"}"#, text("é")),
        ("store_tier", r#""store":{"tier":""}"#, Ok(None)),
        ("store_tier", r#""store":{"tier":null}"#, Ok(None)),
        ("store_tier", r#""store":7"#, Ok(None)),
        ("queue_ms", r#""queue_ms":-3"#, text("-3")),
        ("queue_ms", r#""queue_ms":"12""#, text("12")),
        ("is_kiosk", r#""kiosk":true"#, text("true")),
        ("is_kiosk", r#""kiosk":"false""#, text("false")),
        ("is_kiosk", r#""kiosk":1"#, text("true")),
        ("is_kiosk", r#""x":1"#, Ok(None)),
        ("basket", r#""basket":{"weight":1e300}"#, text("1e300")),
        ("basket", r#""basket":{"weight":-2.5}"#, text("-2.5")),
        (
            "received",
            r#""recv":"2018-04-01T00:00:31Z""#,
            text("1522540831000"),
        ),
    ] {
        assert_eq!(own_value(name, member), expected, "{name} of {member}");
    }
    for (member, expected) in [
        (
            r#""store":{"tier":"4111 1111 1111 1111"}"#,
            "**** **** **** ****",
        ),
        (r#""store":{"tier":4111111111111111}"#, "****************"),
    ] {
        assert_eq!(own_value("store_tier", member), text(expected), "{member}");
    }
    for (name, member, code) in [
        ("store_tier", r#""store":{"tier":[1]}"#, "wrong_type"),
        ("queue_ms", r#""queue_ms":1.5"#, "bad_number"),
        ("queue_ms", r#""queue_ms":1e30"#, "number_out_of_range"),
        ("queue_ms", r#""queue_ms":true"#, "wrong_type"),
        ("is_kiosk", r#""kiosk":"yes""#, "wrong_type"),
        ("is_kiosk", r#""kiosk":2"#, "wrong_type"),
        ("is_kiosk", r#""kiosk":{}"#, "wrong_type"),
        (
            "basket",
            r#""basket":{"weight":1e400}"#,
            "number_out_of_range",
        ),
        ("received", r#""recv":1522540831000"#, "bad_time"),
        (
            "received",
            r#""recv":"1999-04-01T00:00:31Z""#,
            "time_out_of_range",
        ),
    ] {
        let refused = own_value(name, member).unwrap_err();
        let start = format!("{code}: `{name}`: ");
        assert!(refused.starts_with(&start), "{name} of {member}: {refused}");
    }
}

#[test]
fn they_are_joined_by_name_and_type_and_only_where_somebody_reads_them() {
    let record = with(r#""queue_ms":"no number","kiosk":true,"store":{"tier":"gold"}"#);
    let names = ["is_kiosk", "store_tier"];
    let decoded = own_decoder(COLUMNS, &names).decode(&batch(&[GOOD, &record, "{", &record]));
    assert_eq!(decoded.events.offsets, [0, 1, 3]);
    let joined = decoded.events.joined.as_ref().unwrap();
    let schema = joined.schema();
    let fields = schema.fields().iter();
    let types: Vec<_> = fields.map(|f| (f.name().as_str(), f.data_type())).collect();
    assert_eq!(
        types,
        [
            ("is_kiosk", &DataType::Boolean),
            ("store_tier", &DataType::Utf8)
        ]
    );
    let kiosks: Vec<_> = joined.column(0).as_boolean().iter().collect();
    assert_eq!(kiosks, [None, Some(true), Some(true)]);
    let tiers = decoded.events.named("store_tier").unwrap();
    assert!(tiers.is_null(0) && cell(tiers, 2) == "gold");
    // Without one that is read nothing is joined.
    let decoded = own_decoder(COLUMNS, &[]).decode(&batch(&[&record]));
    assert!(decoded.events.joined.is_none() && decoded.refusals.is_empty());
}

#[test]
fn any_kind_of_record_may_have_them() {
    let settings = format!("record_type.field = \"type\"\n{COLUMNS}");
    for kind in RecordKind::ALL {
        let record = with(&format!(r#""type":"{kind}","queue_ms":7"#));
        let decoded = own_decoder(&settings, &["queue_ms"]).decode(&batch(&[record]));
        assert_eq!(decoded.events.kinds, [kind]);
        assert_eq!(cell(decoded.events.named("queue_ms").unwrap(), 0), "7");
    }
}

#[test]
fn a_header_may_hold_them() {
    let mut raw = RawBatch::new(TopicPartition::new("payments", 0));
    let headers: [Option<&[u8]>; 4] = [Some(b"1522540831250"), None, Some(b"soon"), Some(b"\xff")];
    for (offset, header) in (0..).zip(headers) {
        raw.push(
            offset,
            None,
            None,
            Some(GOOD.as_bytes()),
            [("sent-at", header)],
        );
    }
    let decoded = own_decoder(&format!("{STRICT}{COLUMNS}"), &["sent"]).decode(&raw);
    let sent = decoded.events.named("sent").unwrap();
    assert!(cell(sent, 0) == "1522540831250" && sent.is_null(1));
    let details: Vec<_> = decoded
        .refusals
        .iter()
        .map(|refusal| &refusal.detail)
        .collect();
    assert_eq!(
        details,
        [
            "`sent`: not a time in the configured format",
            "`sent`: not UTF-8"
        ]
    );
}

/// Why `settings` are refused, whether or not somebody reads the columns that they declare.
fn declaration_refused(settings: &str) -> String {
    let settings: DecodeSettings = toml::from_str(settings).unwrap();
    let projection = Arc::new(all_columns());
    let plan = DecodePlan::new(&settings, projection, &KeySpec::terminal());
    assert_eq!(plan.as_ref().err(), settings.own_columns().as_ref().err());
    plan.unwrap_err().to_string()
}

#[test]
fn declarations_are_checked() {
    expect_test::expect![[r#"
        [
            "decode: the column `mcc` of [decode.columns] has the name of a canonical column; say in [decode.fields] where that is, or choose another name",
            "decode: the column `registry_tier` of [decode.columns] has a name of the reference table, whose columns start with `registry_`; choose another name",
            "decode: the column `Tier` of [decode.columns] has no proper name: write lower-case letters, digits and `_`, a letter first, at most 64",
            "decode: the column `_tier` of [decode.columns] has no proper name: write lower-case letters, digits and `_`, a letter first, at most 64",
            "decode: the column `case` of [decode.columns] has a name that is a word of the expression language; choose another name",
            "decode: column `track_2` may not be read from `track_2`: card numbers, track data, PIN blocks and verification values are never built; map a keyed token instead",
            "decode: column `tier` may not be read from `PAN`: card numbers, track data, PIN blocks and verification values are never built; map a keyed token instead",
            "decode: the column `tier` of [decode.columns] names both a field and a header; keep one of them",
            "decode: the column `tier` of [decode.columns] has a `format`, which belongs to type = \"timestamp\"; remove one of them",
            "decode: column `tier` may not be read from `card.pan`: card numbers, track data, PIN blocks and verification values are never built; map a keyed token instead",
            "decode: the path `a..b` of column `tier` has an empty name; write a literal dot as `\\.`",
        ]
    "#]]
    .assert_debug_eq(
        &[
            "columns.mcc = { type = \"text\" }",
            "columns.registry_tier = { type = \"text\" }",
            "columns.Tier = { type = \"text\" }",
            "columns._tier = { type = \"text\" }",
            "columns.case = { type = \"text\" }",
            "columns.track_2 = { type = \"text\", field = \"x\" }",
            "columns.tier = { type = \"text\", header = \"PAN\" }",
            "columns.tier = { type = \"text\", field = \"a\", header = \"b\" }",
            "columns.tier = { type = \"text\", format = \"ms\" }",
            "columns.tier = { type = \"text\", field = \"card.pan\" }",
            "columns.tier = { type = \"text\", field = \"a..b\" }",
        ]
        .map(declaration_refused),
    );
    for unknown in [
        "columns.tier = { type = \"txt\" }",
        "columns.tier = { field = \"x\" }",
        "columns.tier = { type = \"text\", fields = \"x\" }",
        "columns.tier = \"text\"",
    ] {
        assert!(
            toml::from_str::<DecodeSettings>(unknown).is_err(),
            "{unknown}"
        );
    }
}

#[test]
fn names_and_numbers_of_columns_are_limited() {
    let long = "x".repeat(OWN_COLUMN_NAME_BYTES_MAX + 1);
    let long = format!("columns.{long} = {{ type = \"text\" }}");
    assert!(declaration_refused(&long).contains("at most 64"));
    let many = (0..=OWN_COLUMNS_MAX).map(|n| format!("columns.c{n} = {{ type = \"text\" }}\n"));
    assert!(declaration_refused(&many.collect::<String>()).contains("65 columns, at most 64"));
}

#[test]
fn paths_are_compared_with_those_that_are_read() {
    let met = "columns.tier = { type = \"text\", field = \"terminal_id.x\" }";
    let met: DecodeSettings = toml::from_str(met).unwrap();
    let own = met.own_columns().unwrap();
    let plan = |own| {
        let projection = Arc::new(Projection::new([]));
        DecodePlan::with_own_columns(&met, projection, own, &KeySpec::terminal())
    };
    assert!(plan(&[]).is_ok());
    let conflict = plan(&own).unwrap_err().to_string();
    assert!(
        conflict.contains("is read as two of value, object and array"),
        "{conflict}"
    );
}

#[test]
fn a_mapping_is_of_canonical_columns() {
    let mapped = "columns.tier = { type = \"text\" }\nfields.tier = \"x\"";
    let mapped = plan_of(mapped, all_columns()).unwrap_err().to_string();
    assert!(
        mapped.contains("`tier` of [decode.columns] is none"),
        "{mapped}"
    );
}
