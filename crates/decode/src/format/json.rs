//! JSON objects (RFC 8259).

mod escape;
mod extract;
mod reason;
mod scan;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::escape::Escapes;
use self::extract::Extractor;
pub(crate) use self::reason::REASONS;
use self::reason::{BYTE_ORDER_MARK, FRAMED};
use crate::error::DecodeError;
use crate::format::rows::{BatchReader, Encoding, Format, Made, Reader, Rows};
use crate::refusal::{Fault, RefusalReason};
use crate::settings::OnInvalid;
use crate::token::Fields;
use crate::tree::FieldTree;

/// Length of the frame of Confluent's serializers.
const FRAME_BYTES: usize = 5;

/// The format for `fields`.
pub(crate) fn make(fields: Arc<FieldTree>, encoding: &Encoding<'_>) -> Made {
    if !encoding.schema.is_empty() {
        return Err(DecodeError::SchemaNotTaken { format: "json" });
    }
    Ok(Arc::new(Json {
        fields,
        takes_nan: encoding.nan == OnInvalid::Null,
    }))
}

#[derive(Debug)]
struct Json {
    fields: Arc<FieldTree>,
    /// Whether NaN and infinities are null.
    takes_nan: bool,
}

impl Format for Json {
    fn rows(&self) -> Box<dyn BatchReader> {
        Box::new(Rows::new(JsonReader {
            extractor: Extractor::new(&self.fields, self.takes_nan),
            fields: Arc::clone(&self.fields),
        }))
    }
}

#[derive(Debug)]
struct JsonReader {
    fields: Arc<FieldTree>,
    extractor: Extractor,
}

impl Reader for JsonReader {
    type Coding = Escapes;

    fn read<'a>(&'a mut self, payload: &'a [u8]) -> Result<Fields<'a>, Fault> {
        let read =
            check_encoding(payload).and_then(|()| self.extractor.extract(&self.fields, payload));
        read.map_err(|fault| framed(payload).unwrap_or(fault))?;
        Ok(Fields {
            tokens: &self.extractor.tokens,
            bytes: payload,
        })
    }
}

/// Whether a payload that cannot be read is framed as the serializers of Confluent's schema registry do it:
/// a zero byte, four bytes of schema id (of which the first is zero in any registry of today), then the
/// content.
#[cold]
fn framed(payload: &[u8]) -> Option<Fault> {
    let is_framed = payload.starts_with(&[0, 0]) && payload.len() > FRAME_BYTES;
    is_framed.then(|| {
        let what = "begins with Confluent's frame (a zero byte and four bytes of schema id): write the records \
                    without a schema registry, or send the content alone";
        Fault::new(FRAMED, what)
    })
}

fn check_encoding(payload: &[u8]) -> Result<(), Fault> {
    if payload.starts_with(b"\xef\xbb\xbf") {
        let what = "the payload starts with a byte order mark";
        return Err(Fault::new(BYTE_ORDER_MARK, what));
    }
    if simdutf8::basic::from_utf8(payload).is_ok() {
        return Ok(());
    }
    // Only this one says where.
    std::str::from_utf8(payload).map(drop).map_err(|error| {
        let at = error.valid_up_to();
        Fault::at_byte(RefusalReason::INVALID_UTF8, "not UTF-8", at)
    })
}
