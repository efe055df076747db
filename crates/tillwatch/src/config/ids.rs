//! `[ids]`: the secret that event ids are hashed with.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tillwatch_feature_extraction::{ID_SECRET_BYTES_MAX, IdSecret};

/// `[ids]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdsTable {
    /// The secret itself.
    secret: Option<WrittenSecret>,
    /// A file that holds it, whose white space at both ends does not count.
    secret_file: Option<PathBuf>,
}

/// A secret before it is checked: checked here, an error would show the line that it stands on.
struct WrittenSecret {
    /// `None` where it is no text.
    text: Option<String>,
}

impl IdsTable {
    /// The secret, if one is given; a file is taken from `base`. An error names its table, and never says
    /// what was given.
    pub fn validate(self, base: &Path) -> Result<Option<IdSecret>, (&'static str, String)> {
        let (table, text) = match (self.secret, self.secret_file) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                let reason = "has `secret` and `secret_file`; keep one of them";
                return Err(("[ids]", reason.to_owned()));
            }
            (Some(written), None) => {
                let table = "[ids] secret";
                let text = written
                    .text
                    .ok_or_else(|| (table, "it is no text; write it in quotes".to_owned()))?;
                (table, text)
            }
            (None, Some(path)) => {
                let table = "[ids] secret_file";
                let text = read(&base.join(path)).map_err(|reason| (table, reason))?;
                (table, text)
            }
        };
        let secret = IdSecret::new(text.trim());
        secret.map(Some).map_err(|error| (table, error.to_string()))
    }
}

/// The text of a file, which is no longer than a secret may be with some white space.
fn read(path: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > 2 * ID_SECRET_BYTES_MAX as u64 {
        return Err(format!(
            "{} has {bytes} bytes, more than a secret may have; name the file that holds nothing else",
            path.display()
        ));
    }
    std::fs::read_to_string(path).map_err(failed)
}

impl fmt::Debug for WrittenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrittenSecret(hidden)")
    }
}

impl<'de> Deserialize<'de> for WrittenSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor)
    }
}

/// Takes whatever stands there, so that no error is made of it.
struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = WrittenSecret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<WrittenSecret, E> {
        let text = Some(text.to_owned());
        Ok(WrittenSecret { text })
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<WrittenSecret, E> {
        Ok(WrittenSecret { text: None })
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<WrittenSecret, E> {
        Ok(WrittenSecret { text: None })
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<WrittenSecret, E> {
        Ok(WrittenSecret { text: None })
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<WrittenSecret, E> {
        Ok(WrittenSecret { text: None })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<WrittenSecret, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(WrittenSecret { text: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<WrittenSecret, A::Error> {
        while items.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(WrittenSecret { text: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef-of-the-site";

    fn secret(table: &str, base: &Path) -> Result<Option<IdSecret>, String> {
        let table: IdsTable = toml::from_str(table).map_err(|error| error.to_string())?;
        let shown = format!("{table:?}");
        assert!(!shown.contains("0123456789"), "{shown}");
        let secret = table.validate(base);
        secret.map_err(|(table, reason)| format!("{table}: {reason}"))
    }

    #[test]
    fn a_secret_is_given_or_lies_in_a_file_beside_the_configuration() {
        let base = tempfile::tempdir().unwrap();
        let wanted = IdSecret::new(SECRET).unwrap();
        let given = secret(&format!("secret = \"{SECRET}\""), base.path());
        assert_eq!(given, Ok(Some(wanted.clone())));
        std::fs::write(base.path().join("id"), format!("{SECRET}\n")).unwrap();
        let read = secret("secret_file = \"id\"", base.path());
        assert_eq!(read, Ok(Some(wanted)));
        assert_eq!(secret("", base.path()), Ok(None));
    }

    #[test]
    fn a_secret_that_is_none_is_refused_and_not_shown() {
        let base = tempfile::tempdir().unwrap();
        std::fs::write(base.path().join("short"), "0123456789\n").unwrap();
        std::fs::write(base.path().join("long"), "0123456789".repeat(300)).unwrap();
        for (table, words) in [
            ("secret = \"0123456789\"", "[ids] secret: a secret has 16"),
            ("secret = 123456789012345678", "[ids] secret: it is no text"),
            ("secret = 1.5", "[ids] secret: it is no text"),
            ("secret = [\"0123456789\"]", "[ids] secret: it is no text"),
            ("secret = { a = 1 }", "[ids] secret: it is no text"),
            ("secret_file = \"short\"", "[ids] secret_file: a secret has"),
            ("secret_file = \"long\"", "holds nothing else"),
            ("secret_file = \"absent\"", "[ids] secret_file: cannot read"),
            ("secret = \"a\"\nsecret_file = \"b\"", "[ids]: has `secret`"),
        ] {
            let error = secret(table, base.path()).unwrap_err();
            assert!(error.contains(words), "{table}: {error}");
            let is_shown = error.contains("0123456789") || error.contains("123456789012345678");
            assert!(!is_shown, "{table}: {error}");
        }
    }
}
