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

/// Signatures and tokens are in the query of a URL, and no error needs it.
pub(crate) fn without_secrets(detail: &str) -> String {
    let mut told = String::with_capacity(detail.len());
    let mut query = false;
    for character in detail.chars() {
        let ends = character.is_whitespace() || matches!(character, '"' | '\'' | ')' | '>');
        query = (query || character == '?') && !ends;
        if !query {
            told.push(character);
        }
    }
    told
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
}
