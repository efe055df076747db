//! Overrides from the environment: `TILLWATCH__SINK__KIND=stdout` sets `kind` of `[sink]`.

use std::ffi::{OsStr, OsString};

use toml::{Table, Value};

const PREFIX: &str = "TILLWATCH__";

/// Applies every variable that starts with `TILLWATCH__`. Parts are separated by two underscores and
/// lower-cased; the last part under `kafka` or a `properties` table is a librdkafka property, whose
/// dots are written as underscores (`TILLWATCH__KAFKA__SASL_PASSWORD`). A value is read as TOML where
/// it is TOML, else as text. Says whether anything was set. Other variables may hold anything: they are
/// not ours.
pub fn apply(
    table: &mut Table,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<bool, String> {
    let mut overridden = false;
    for (name, value) in environment {
        if !is_ours(&name) {
            continue;
        }
        let name = name.to_str().ok_or_else(|| {
            format!(
                "the name of environment variable {} is not UTF-8; correct or unset it",
                name.to_string_lossy()
            )
        })?;
        let value = value.into_string().map_err(|_| {
            format!("the value of environment variable {name} is not UTF-8; correct or unset it")
        })?;
        let path = &name[PREFIX.len()..];
        let mut parts: Vec<String> = path.split("__").map(str::to_lowercase).collect();
        let last = parts.pop().unwrap_or_default();
        if last.is_empty() || parts.iter().any(String::is_empty) {
            return Err(format!(
                "environment variable {name} names no key; write {PREFIX}TABLE__KEY"
            ));
        }
        let property = parts
            .last()
            .is_some_and(|table| table == "kafka" || table == "properties");
        let (key, value) = if property {
            (last.replace('_', "."), Value::String(value))
        } else if last == "secret" {
            // It is a text, also where it looks like a number.
            (last, Value::String(value))
        } else {
            (last, scalar(value))
        };
        let mut target = &mut *table;
        for part in parts {
            let entry = target
                .entry(part)
                .or_insert_with(|| Value::Table(Table::new()));
            target = entry.as_table_mut().ok_or_else(|| {
                format!("environment variable {name} goes through a key that is no table")
            })?;
        }
        target.insert(key, value);
        overridden = true;
    }
    Ok(overridden)
}

fn is_ours(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(PREFIX.as_bytes())
}

fn scalar(text: String) -> Value {
    match format!("v = {text}").parse::<Table>() {
        // More than one key is no value, but lines of something else.
        Ok(mut table) if table.len() == 1 => table.remove("v").unwrap_or(Value::String(text)),
        _ => Value::String(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(pairs: &[(&str, &str)]) -> Table {
        let mut table: Table = "[sink]\nkind = 'kafka'\n".parse().unwrap();
        let pairs = pairs
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        apply(&mut table, pairs).unwrap();
        table
    }

    #[test]
    fn sets_keys_and_properties() {
        let table = applied(&[
            ("TILLWATCH__SINK__KIND", "stdout"),
            ("TILLWATCH__LANES__THREADS", "3"),
            ("TILLWATCH__KAFKA__SASL_PASSWORD", "12"),
            ("TILLWATCH__IDS__SECRET", "1234567890123456"),
            ("TILLWATCH__CONSUMER__PROPERTIES__FETCH_MIN_BYTES", "1"),
            ("HOME", "/root"),
        ]);
        assert_eq!(table["sink"]["kind"].as_str(), Some("stdout"));
        assert_eq!(table["lanes"]["threads"].as_integer(), Some(3));
        assert_eq!(table["kafka"]["sasl.password"].as_str(), Some("12"));
        assert_eq!(table["ids"]["secret"].as_str(), Some("1234567890123456"));
        assert_eq!(
            table["consumer"]["properties"]["fetch.min.bytes"].as_str(),
            Some("1")
        );
        assert!(!table.contains_key("home"));
    }

    #[test]
    fn refuses_a_name_without_a_key() {
        let error = apply(
            &mut Table::new(),
            [(OsString::from("TILLWATCH__"), OsString::new())],
        );
        assert!(error.unwrap_err().contains("names no key"));
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_matter_only_in_variables_of_ours() {
        use std::os::unix::ffi::OsStringExt as _;

        let set = |name: &[u8], value: &[u8]| {
            let pair = (
                OsString::from_vec(name.to_vec()),
                OsString::from_vec(value.to_vec()),
            );
            apply(&mut Table::new(), [pair])
        };
        assert_eq!(set(b"LS_COLORS", b"\xff"), Ok(false));
        assert_eq!(set(b"\xff", b"x"), Ok(false));
        let said = set(b"TILLWATCH__KAFKA__SASL_PASSWORD", b"hunter\xff").unwrap_err();
        assert!(
            said.contains("TILLWATCH__KAFKA__SASL_PASSWORD is not UTF-8"),
            "{said}"
        );
        assert!(!said.contains("hunter"), "{said}");
        let said = set(b"TILLWATCH__KAFKA__\xff", b"x").unwrap_err();
        assert!(said.contains("not UTF-8"), "{said}");
    }

    #[test]
    fn a_value_is_one_value() {
        let table = applied(&[("TILLWATCH__SINK__KIND", "1\nfeatures = true")]);
        assert_eq!(table["sink"]["kind"].as_str(), Some("1\nfeatures = true"));
    }
}
