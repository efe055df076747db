//! How times may be written that are not written as the settings say.

use tillwatch_decode::{DecodeSettings, UnitSettings};

/// What may be set, in TOML. Of a group only what lets more records be read than anything of the groups
/// before: a word that is exact comes before `auto`, and both before what somebody must decide.
const GROUPS: &[&[&str]] = &[
    &[r#""ms""#, r#""s""#, r#""us""#, r#""ns""#, r#""rfc3339""#],
    &[r#""auto""#],
    &[
        r#"{ pattern = "%d/%m/%Y %H:%M:%S" }"#,
        r#"{ pattern = "%m/%d/%Y %H:%M:%S" }"#,
        r#"{ pattern = "%d.%m.%Y %H:%M:%S" }"#,
        r#"{ pattern = "%d-%m-%Y %H:%M:%S" }"#,
        r#"{ pattern = "%y%m%d%H%M%S" }"#,
        r#"{ pattern = "%Y-%m-%d" }"#,
        DE7,
        SERIAL,
    ],
];

/// Its year is of no matter here.
const DE7: &str = r#"{ format = "de7", near = "2024-02-29" }"#;

/// The serial numbers of spreadsheets.
const SERIAL: &str = r#"{ base = "1899-12-30", unit = "d" }"#;

/// Sentences about settings by which more than `rows` records can be read; `count` says how many by which.
pub(super) fn guesses(
    settings: &DecodeSettings,
    rows: u64,
    count: impl Fn(&DecodeSettings) -> Option<u64>,
) -> Vec<String> {
    let (mut best, mut guesses) = (rows, Vec::new());
    for group in GROUPS {
        let counts = group.iter().filter_map(|written| {
            let units: UnitSettings = toml::from_str(&format!("event_time = {written}")).ok()?;
            let mut settings = settings.clone();
            settings.units.event_time = units.event_time;
            Some((*written, count(&settings)?))
        });
        let counts: Vec<(&str, u64)> = counts.filter(|(_, rows)| *rows > best).collect();
        best = counts.iter().map(|(_, rows)| *rows).max().unwrap_or(best);
        guesses.extend(
            counts
                .iter()
                .map(|(written, rows)| sentence(written, *rows)),
        );
    }
    guesses
}

fn sentence(written: &str, rows: u64) -> String {
    match written {
        DE7 => format!(
            "with [decode.units] event_time = \"de7\", {rows} can be read where records have Kafka \
             timestamps; in files, with {{ format = \"de7\", near = \"…\" }} and a day near them"
        ),
        _ => format!("with [decode.units] event_time = {written}, {rows} can be read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guess_is_a_setting() {
        for written in GROUPS.concat() {
            let read = toml::from_str::<UnitSettings>(&format!("event_time = {written}"));
            assert!(read.is_ok(), "{written}");
        }
    }

    #[test]
    fn a_group_is_told_where_it_reads_more_than_those_before() {
        let settings = DecodeSettings::default();
        let said = guesses(&settings, 3, |settings| {
            let is = |written: &str| {
                let units: UnitSettings =
                    toml::from_str(&format!("event_time = {written}")).unwrap();
                settings.units.event_time == units.event_time
            };
            let better = [("\"s\"", 7), ("\"auto\"", 7), (DE7, 9), (SERIAL, 9)];
            let found = better.iter().find(|(written, _)| is(written));
            Some(found.map_or(3, |(_, rows)| *rows))
        });
        assert_eq!(said.len(), 3, "{said:?}");
        assert_eq!(
            said[0],
            "with [decode.units] event_time = \"s\", 7 can be read"
        );
        assert!(
            said[1].contains("event_time = \"de7\", 9 can be read"),
            "{said:?}"
        );
        assert!(said[2].contains(SERIAL), "{said:?}");
    }
}
