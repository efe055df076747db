//! Paths in the settings, as far as they can be judged without a record.

use tillwatch_records::Column;

use crate::error::DecodeError;
use crate::sensitive::is_sensitive_path;
use crate::settings::{DecodeSettings, FieldOrigin};
use crate::tree::split_path;

/// The names in `path`, which `column` is read from.
pub(crate) fn names(column: &str, path: &str) -> Result<Vec<String>, DecodeError> {
    let names = split_path(path).map_err(|problem| bad(column, path, problem))?;
    if is_sensitive_path(&names) {
        return Err(DecodeError::Sensitive {
            column: column.to_owned(),
            path: path.to_owned(),
        });
    }
    Ok(names)
}

/// The names that lead to the field which `settings` read `column` from; `None` where it is read from none.
pub fn field_path(settings: &DecodeSettings, column: Column) -> Option<Vec<String>> {
    match settings.fields.get(column.name()) {
        None => Some(vec![column.name().to_owned()]),
        Some(FieldOrigin::Path(path)) => split_path(path).ok(),
        Some(_) => None,
    }
}

/// A path that cannot be followed.
pub(crate) fn bad(column: &str, path: &str, problem: &'static str) -> DecodeError {
    DecodeError::BadPath {
        column: column.to_owned(),
        path: path.to_owned(),
        problem,
    }
}
