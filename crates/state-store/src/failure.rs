//! What a store's error means to the operator.

use std::error::Error;
use std::io;

use crate::error::StoreError;

/// An error of the store, told with what was tried.
pub(crate) trait Told {
    fn told(&self, action: &'static str, path: &str) -> StoreError;
}

impl Told for object_store::Error {
    fn told(&self, action: &'static str, path: &str) -> StoreError {
        match self {
            Self::NotFound { .. } => StoreError::Missing {
                path: path.to_owned(),
            },
            Self::PermissionDenied { .. } | Self::Unauthenticated { .. } => StoreError::Denied {
                action,
                path: path.to_owned(),
                detail: without_secrets(&self.to_string()),
            },
            _ => told(action, path, self),
        }
    }
}

/// The same of any error: the system's own is found among its causes.
pub(crate) fn told(action: &'static str, path: &str, error: &(dyn Error + 'static)) -> StoreError {
    let detail = without_secrets(&error.to_string());
    let path = path.to_owned();
    match kind(error) {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            StoreError::Full { path, detail }
        }
        Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
            StoreError::Denied {
                action,
                path,
                detail,
            }
        }
        _ => StoreError::Unavailable {
            action,
            path,
            detail,
        },
    }
}

fn kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        cause = error.source();
    }
    None
}

/// A URL, or words with URLs in them, without what may be secret: user and password before the host, and the
/// query, which holds signatures and tokens. The container of an Azure address stays.
pub fn without_secrets(said: &str) -> String {
    let mut told = String::with_capacity(said.len());
    let mut query = false;
    for character in without_users(said).chars() {
        query = (query || character == '?') && !ends_url(character);
        if !query {
            told.push(character);
        }
    }
    told
}

/// Schemes of addresses whose container stands where others have a user.
const CONTAINER_FIRST: [&str; 3] = ["az://", "abfs://", "abfss://"];

fn without_users(said: &str) -> String {
    let mut told = String::with_capacity(said.len());
    let mut rest = said;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        told.push_str(before);
        let url = &after[..after.find(ends_url).unwrap_or(after.len())];
        let user = &url[..user_length(url)];
        let is_container = CONTAINER_FIRST
            .iter()
            .any(|scheme| before.ends_with(scheme));
        rest = match is_container && !user.contains(':') {
            true => after,
            false => &after[user.len()..],
        };
    }
    told.push_str(rest);
    told
}

/// How much of a URL after its scheme is user and password, with the `@` that ends them.
fn user_length(url: &str) -> usize {
    let host = &url[..url.find(['/', '?', '#']).unwrap_or(url.len())];
    let has_password = || {
        let port = host.split_once(':').map(|(_, port)| port);
        port.is_some_and(|port| port.parse::<u16>().is_err())
    };
    let at = match host.rfind('@') {
        Some(at) => Some(at),
        // A password with a slash in it.
        None if has_password() => url.rfind('@'),
        None => None,
    };
    at.map_or(0, |at| at + 1)
}

fn ends_url(character: char) -> bool {
    character.is_whitespace() || matches!(character, '"' | '\'' | ')' | '>' | '`')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_the_disk(kind: io::ErrorKind) -> StoreError {
        let error = object_store::Error::Generic {
            store: "LocalFileSystem",
            source: Box::new(io::Error::from(kind)),
        };
        error.told("write", "runs/x")
    }

    #[test]
    fn the_systems_errors_are_told_apart() {
        let full = of_the_disk(io::ErrorKind::StorageFull);
        assert!(matches!(full, StoreError::Full { .. }), "{full}");
        let quota = of_the_disk(io::ErrorKind::QuotaExceeded);
        assert!(matches!(quota, StoreError::Full { .. }), "{quota}");
        let read_only = of_the_disk(io::ErrorKind::ReadOnlyFilesystem);
        assert!(
            matches!(read_only, StoreError::Denied { .. }),
            "{read_only}"
        );
        let other = of_the_disk(io::ErrorKind::TimedOut);
        assert!(matches!(other, StoreError::Unavailable { .. }), "{other}");
    }

    #[test]
    fn queries_are_not_told() {
        assert_eq!(
            without_secrets(
                "Error performing PUT https://a.net/c?sig=abc&se=1 in 1s, after \"x?y\" (z?q)"
            ),
            "Error performing PUT https://a.net/c in 1s, after \"x\" (z)"
        );
    }

    #[test]
    fn users_and_passwords_are_not_told() {
        for (said, told) in [
            ("s3://AKIA:se/cret@bucket/a", "s3://bucket/a"),
            (
                "at `https://u:p@host:9000/b?x=1`, then",
                "at `https://host:9000/b`, then",
            ),
            ("s3://token@bucket", "s3://bucket"),
            ("s3://bucket/a@b", "s3://bucket/a@b"),
            ("http://host:9000/a@b", "http://host:9000/a@b"),
            (
                "abfss://c@account.dfs.core.windows.net/x",
                "abfss://c@account.dfs.core.windows.net/x",
            ),
            ("az://c:secret@account.net/x", "az://account.net/x"),
            ("no URL: a@b ://", "no URL: a@b ://"),
        ] {
            assert_eq!(without_secrets(said), told);
        }
    }
}
