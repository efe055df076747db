//! Paths in the settings, as far as they can be judged without a record.

use tillwatch_records::Column;

use crate::error::DecodeError;
use crate::sensitive::is_sensitive_path;
use crate::settings::{DecodeSettings, FieldOrigin};
use crate::tree::{Step, split_path};

/// The steps of `path`, which `column` is read from.
pub(crate) fn steps(column: &str, path: &str) -> Result<Vec<Step>, DecodeError> {
    let steps = split_path(path).map_err(|problem| bad(column, path, problem))?;
    if is_sensitive_path(&names(&steps)) {
        return Err(DecodeError::Sensitive {
            column: column.to_owned(),
            path: path.to_owned(),
        });
    }
    Ok(steps)
}

/// The names that lead to the field which `settings` read `column` from; `None` where it is read from none,
/// or from an element of an array.
pub fn field_path(settings: &DecodeSettings, column: Column) -> Option<Vec<String>> {
    match settings.fields.get(column.name()) {
        None => Some(vec![column.name().to_owned()]),
        Some(FieldOrigin::Path(path)) => {
            let steps = split_path(path).ok()?.into_iter();
            let names = steps.map(|step| match step {
                Step::Name(name) => Some(name),
                Step::Index(_) => None,
            });
            names.collect()
        }
        Some(_) => None,
    }
}

/// The names along `steps`. An element is called as its array, without the plural, with its number behind:
/// the one of `fields[35]` is known for what a `field35` is.
fn names(steps: &[Step]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for step in steps {
        names.push(match step {
            Step::Name(name) => name.clone(),
            Step::Index(index) => {
                let array = names.last().map_or("", String::as_str);
                format!("{}{index}", array.trim_end_matches(['s', 'S']))
            }
        });
    }
    names
}

/// A path that cannot be followed.
pub(crate) fn bad(column: &str, path: &str, problem: &'static str) -> DecodeError {
    DecodeError::BadPath {
        column: column.to_owned(),
        path: path.to_owned(),
        problem,
    }
}
