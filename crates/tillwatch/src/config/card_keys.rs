//! The keys of `[decode.tokenise]`.

use std::path::Path;

use tillwatch_decode::DecodeSettings;
use tillwatch_records::card_key::CardKey;

use super::secret::{self, Places};

const CURRENT: Places = Places {
    table: "[decode.tokenise]",
    secret: "[decode.tokenise] secret",
    secret_file: "[decode.tokenise] secret_file",
};
const PREVIOUS: Places = Places {
    table: "[decode.tokenise.previous]",
    secret: "[decode.tokenise.previous] secret",
    secret_file: "[decode.tokenise.previous] secret_file",
};

/// Puts the keys that `decode` names into it; files are taken from `base`. An error names its place, and
/// never says what was given.
pub fn fill(decode: &mut DecodeSettings, base: &Path) -> Result<(), (&'static str, String)> {
    let Some(tokenise) = &mut decode.tokenise else {
        return Ok(());
    };
    let key = |secret, file, places| match secret::text(secret, file, base, places)? {
        None => {
            let reason = "has no key; write `secret_file`, or set the environment variable \
                          TILLWATCH__DECODE__TOKENISE__SECRET (PREVIOUS__SECRET for the one before)";
            Err((places.table, reason.to_owned()))
        }
        Some((place, text)) => CardKey::new(&text).map_err(|error| (place, error.to_string())),
    };
    let current = key(
        tokenise.secret.take(),
        tokenise.secret_file.take(),
        &CURRENT,
    )?;
    tokenise.keys = vec![current];
    if let Some(previous) = &mut tokenise.previous {
        let (secret, file) = (previous.secret.take(), previous.secret_file.take());
        tokenise.keys.push(key(secret, file, &PREVIOUS)?);
        if tokenise.keys[0] == tokenise.keys[1] {
            let reason = "has the key of [decode.tokenise]; give each its own";
            return Err((PREVIOUS.table, reason.to_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";
    const OLD: &str = "fedcba9876543210fedcba9876543210";

    fn keys(table: &str, base: &Path) -> Result<Vec<CardKey>, String> {
        let mut decode: DecodeSettings =
            toml::from_str(table).map_err(|error| error.to_string())?;
        assert!(!format!("{decode:?}").contains("0123456789"));
        fill(&mut decode, base).map_err(|(place, reason)| format!("{place}: {reason}"))?;
        Ok(decode
            .tokenise
            .map(|tokenise| tokenise.keys)
            .unwrap_or_default())
    }

    #[test]
    fn keys_are_written_or_lie_in_files() {
        let base = tempfile::tempdir().unwrap();
        std::fs::write(base.path().join("old"), format!("{OLD}\n")).unwrap();
        let table = format!(
            "[tokenise]\nfield = \"cc\"\nsecret = \"{KEY}\"\n\
             [tokenise.previous]\nsecret_file = \"old\"\nuntil = \"2026-07-01T00:00:00Z\""
        );
        let wanted = [KEY, OLD].map(|key| CardKey::new(key).unwrap());
        assert_eq!(keys(&table, base.path()), Ok(wanted.to_vec()));
        assert_eq!(keys("", base.path()), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_shown() {
        let base = tempfile::tempdir().unwrap();
        for (rest, words) in [
            ("", "[decode.tokenise]: has no key"),
            (
                "secret = \"0123456789\"",
                "[decode.tokenise] secret: a key has 32",
            ),
            ("secret = 1", "[decode.tokenise] secret: it is no text"),
            (
                "secret_file = \"none\"",
                "[decode.tokenise] secret_file: cannot read",
            ),
            (
                "secret = \"0123456789abcdef0123456789abcdef\"\n[tokenise.previous]\n\
                 secret = \"0123456789abcdef0123456789abcdef\"\nuntil = \"2026-07-01T00:00:00Z\"",
                "[decode.tokenise.previous]: has the key",
            ),
        ] {
            let table = format!("[tokenise]\nfield = \"cc\"\n{rest}");
            let error = keys(&table, base.path()).unwrap_err();
            assert!(error.contains(words), "{table}: {error}");
            assert!(!error.contains("0123456789"), "{error}");
        }
    }
}
