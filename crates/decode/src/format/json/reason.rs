//! What can be wrong with JSON.

use crate::refusal::{Cause, RefusalReason};

macro_rules! reasons {
    ($($name:ident $code:literal $meaning:literal;)*) => {
        $(#[doc = $meaning]
        pub(crate) const $name: RefusalReason = RefusalReason::new(&Cause {
            code: $code,
            meaning: $meaning,
        });)*

        /// All of them, in the order of the documentation.
        pub(crate) const REASONS: &[RefusalReason] = &[$($name,)*];
    };
}

reasons! {
    BYTE_ORDER_MARK "byte_order_mark"
        "Starts with a byte order mark, which JSON does not allow.";
    FRAMED "framed"
        "Begins with a zero byte, as what a serializer of a schema registry writes: a frame of five bytes \
         before the JSON, or another format.";
    NOT_AN_OBJECT "not_an_object"
        "Well begun JSON, but not an object.";
    BAD_JSON "bad_json"
        "Not JSON, cut short, or with something after its end.";
    TOO_DEEP "too_deep"
        "Nested deeper than `limits::JSON_DEPTH_MAX`.";
}
