//! Settings that are refused, in words.

use super::*;

#[test]
fn a_setting_that_cannot_be_followed_is_refused() {
    let refused = |written: &&str| TimeRule::new(&settings(written)).unwrap_err();
    expect_test::expect![[r#"
        [
            "must have one of `format`, `pattern` and `base`",
            "must have one of `format`, `pattern` and `base`",
            "has a `zone`, but counts from 1970 in UTC; remove it",
            "has the zone `Europe/Berln`, which is none; did you mean `Europe/Berlin`?; write a name of the IANA database, as \"Europe/Berlin\", or an offset, as \"+01:00\"",
            "has a `unit`, which belongs to `base`; remove one of them",
            "has `near`, which belongs to times without a year; remove it",
            "has the near `soon`, which is no time; write one as \"2017-12-01T00:00:00Z\"",
            "has a `base` without a `unit`: write \"ns\", \"us\", \"ms\", \"s\", \"min\", \"h\" or \"d\"",
            "has the base `01/01/2026`, which is no time; write one as \"2017-12-01T00:00:00Z\"",
            "has the pattern ``, which says no day; it needs %m and %d, or %Y and %j; docs/records.md lists the conversions",
            "has the pattern `%H:%M`, which says no day; it needs %m and %d, or %Y and %j; docs/records.md lists the conversions",
            "has the pattern `%d %H:%M`, which says no day; it needs %m and %d, or %Y and %j; docs/records.md lists the conversions",
            "has the pattern `%j`, which has `%j`, which needs a year and no month; docs/records.md lists the conversions",
            "has the pattern `%Y %j %m`, which has `%j`, which needs a year and no month; docs/records.md lists the conversions",
            "has the pattern `%F %m`, which has the month twice; keep one; docs/records.md lists the conversions",
            "has the pattern `%Y%y%m%d`, which has the year twice; keep one; docs/records.md lists the conversions",
            "has the pattern `%m%m%d`, which has the month twice; keep one; docs/records.md lists the conversions",
            "has the pattern `%F %M`, which has the minute without the hour; docs/records.md lists the conversions",
            "has the pattern `%F %H:%S`, which has the second without the minute; docs/records.md lists the conversions",
            "has the pattern `%F %H:%M.%f`, which has the fraction of the second without the second; docs/records.md lists the conversions",
            "has the pattern `%F %I:%M`, which needs both %I and %p, or %H alone; docs/records.md lists the conversions",
            "has the pattern `%F %H:%M %p`, which needs both %I and %p, or %H alone; docs/records.md lists the conversions",
            "has the pattern `%F %T %Q`, which has `%Q`, which is not read; docs/records.md lists the conversions",
            "has the pattern `%F %T %Z`, which has `%Z`, which is not read; docs/records.md lists the conversions",
            "has the pattern `%F %`, which ends with a lone `%`; write a literal one as `%%`; docs/records.md lists the conversions",
            "has a `zone`, and each of its times says its own; remove `zone` or `%z`",
            "has `near`, which belongs to times without a year; remove it",
        ]
    "#]].assert_debug_eq(
        &[
            "{ zone = 'UTC' }",
            "{ format = 'ms', pattern = '%d' }",
            "{ format = 'ms', zone = 'UTC' }",
            "{ format = 'auto', zone = 'Europe/Berln' }",
            "{ format = 's', unit = 'h' }",
            "{ format = 'rfc3339', near = '2026-01-01' }",
            "{ format = 'de7', near = 'soon' }",
            "{ base = '2026-01-01' }",
            "{ base = '01/01/2026', unit = 'h' }",
            "{ pattern = '' }",
            "{ pattern = '%H:%M' }",
            "{ pattern = '%d %H:%M' }",
            "{ pattern = '%j' }",
            "{ pattern = '%Y %j %m' }",
            "{ pattern = '%F %m' }",
            "{ pattern = '%Y%y%m%d' }",
            "{ pattern = '%m%m%d' }",
            "{ pattern = '%F %M' }",
            "{ pattern = '%F %H:%S' }",
            "{ pattern = '%F %H:%M.%f' }",
            "{ pattern = '%F %I:%M' }",
            "{ pattern = '%F %H:%M %p' }",
            "{ pattern = '%F %T %Q' }",
            "{ pattern = '%F %T %Z' }",
            "{ pattern = '%F %' }",
            "{ pattern = '%F %T %z', zone = '+01:00' }",
            "{ pattern = '%F %T', near = '2026-01-01' }",
        ]
        .each_ref()
        .map(refused),
    );
    let long = format!("{{ pattern = '%F{}' }}", "x".repeat(200));
    assert!(refused(&long.as_str()).contains("longer than 128 bytes"));
}

#[test]
fn words_and_keys_that_are_not_known_are_named() {
    let wrong = |written: &str| {
        let table = format!("event_time = {written}");
        let read = toml::from_str::<crate::settings::UnitSettings>(&table);
        read.unwrap_err().message().to_owned()
    };
    for (written, named) in [
        (
            "\"rfc3393\"",
            "unknown variant `rfc3393`, expected one of `ms`, `s`",
        ),
        (
            "{ patern = \"%F\" }",
            "unknown field `patern`, expected one of `format`, `pattern`",
        ),
        (
            "{ base = \"2026-01-01\", unit = \"hour\" }",
            "unknown variant `hour`",
        ),
        ("7", "a format of times in a word"),
    ] {
        let said = wrong(written);
        assert!(said.contains(named), "{said}");
    }
}
