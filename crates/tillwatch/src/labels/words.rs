//! What labels say, and how configurations say it.

use tillwatch_decode::{DecodeSettings, FieldOrigin};
use tillwatch_records::Column;

/// `label_kind` of a fraud.
pub const FRAUD: &str = "CONFIRMED";
/// `label_kind` of a transaction that turned out to be honest.
pub const NO_FRAUD: &str = "CLEARED";

/// Whether `column` is the same in every record.
pub fn is_constant(decode: &DecodeSettings, column: Column) -> bool {
    let origin = decode.fields.get(column.name());
    matches!(origin, Some(FieldOrigin::Constant(_)))
}
