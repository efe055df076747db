//! The encodings that records come in. A new one is a folder beside `json` and a line in [`FORMATS`].

mod json;
pub(crate) mod rows;

use tillwatch_records::suggest::did_you_mean;

use self::rows::FormatKind;
use crate::error::DecodeError;
use crate::refusal::RefusalReason;

/// Every format, the default one first.
pub(crate) const FORMATS: &[FormatKind] = &[FormatKind {
    name: "json",
    reasons: json::REASONS,
    make: json::make,
}];

/// The one of `formats` called `name`.
pub(crate) fn named<'f>(
    name: &str,
    formats: &'f [FormatKind],
) -> Result<&'f FormatKind, DecodeError> {
    let known = || formats.iter().map(|format| format.name);
    let found = formats.iter().find(|format| format.name == name);
    found.ok_or_else(|| DecodeError::UnknownFormat {
        name: name.to_owned(),
        hint: did_you_mean(name, known()),
        known: known().collect::<Vec<_>>().join(", "),
    })
}

/// Every cause that a refusal may have: those of any format, then each format's own.
pub fn refusal_reasons() -> impl Iterator<Item = RefusalReason> {
    let own = FORMATS.iter().flat_map(|format| format.reasons);
    RefusalReason::SHARED.iter().chain(own).copied()
}
