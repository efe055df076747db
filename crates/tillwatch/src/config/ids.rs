//! `[ids]`: the secret that event ids are hashed with.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use tillwatch_feature_extraction::IdSecret;
use tillwatch_records::secret::WrittenSecret;

use super::secret::{self, Places};

/// `[ids]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdsTable {
    /// The secret itself.
    secret: Option<WrittenSecret>,
    /// A file that holds it, whose white space at both ends does not count.
    secret_file: Option<PathBuf>,
}

impl IdsTable {
    /// The secret, if one is given; a file is taken from `base`. An error names its table, and never says
    /// what was given.
    pub fn validate(self, base: &Path) -> Result<Option<IdSecret>, (&'static str, String)> {
        const PLACES: Places = Places {
            table: "[ids]",
            secret: "[ids] secret",
            secret_file: "[ids] secret_file",
        };
        let given = secret::text(self.secret, self.secret_file, base, &PLACES)?;
        let Some((table, text)) = given else {
            return Ok(None);
        };
        let secret = IdSecret::new(text.trim());
        secret.map(Some).map_err(|error| (table, error.to_string()))
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
