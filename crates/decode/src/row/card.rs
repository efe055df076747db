//! A card number in clear on its way to a row: it becomes a token, and nobody else sees it.

use std::sync::Arc;

use tillwatch_records::card_number::whole_digits;
use tillwatch_records::limits::TEXT_BYTES_MAX;

use super::convert::{Scratch, plain, text_too_long};
use crate::buffer::{Buffers, TextBuffer};
use crate::refusal::{Fault, RefusalReason};
use crate::settings::OnInvalid;
use crate::token::{Coding, Token};
use crate::tokeniser::Tokeniser;

/// What is made of a card number in clear, and where it is put: positions among the texts; `None` for what
/// nobody reads or another field gives.
#[derive(Debug)]
pub(crate) struct CardPlan {
    pub(crate) tokeniser: Arc<Tokeniser>,
    pub(crate) token: Option<usize>,
    pub(crate) bin: Option<usize>,
    pub(crate) last4: Option<usize>,
    /// Whether a record without a token is refused.
    pub(crate) required: bool,
    /// What a number costs that no token can be made of.
    pub(crate) on_invalid: OnInvalid,
}

/// Digits of the issuer's number that are shown: eight of those of 16 digits and more, else six (PCI DSS 4.0,
/// 3.4.1; ISO/IEC 7812-1:2017).
const BIN_DIGITS: (usize, usize) = (8, 6);
const LONG_FROM: usize = 16;

impl CardPlan {
    /// Writes what is made of the card number that `token` is to `row`; whether there is one.
    pub(super) fn write<C: Coding>(
        &self,
        row: usize,
        buffers: &mut Buffers,
        token: Token,
        bytes: &[u8],
        event_time_ms: Option<i64>,
        scratch: &mut Scratch,
    ) -> Result<bool, Fault> {
        let Some(text) = plain::<C>(token, bytes, &mut scratch.text)? else {
            return Ok(false);
        };
        if text.len() > TEXT_BYTES_MAX {
            return Err(text_too_long());
        }
        let digits = whole_digits(text).ok_or_else(|| {
            let what = "is no whole card number: it has not 8 to 19 digits, or some are hidden; map a \
                        column of tokens instead where the site has them";
            Fault::new(RefusalReason::BAD_CARD_NUMBER, what)
        })?;
        let mut put = |to: Option<usize>, text: &[u8]| {
            if let Some(to) = to {
                put(&mut buffers.texts[to], row, text);
            }
        };
        put(self.token, &self.tokeniser.token(&digits, event_time_ms));
        let (long, short) = BIN_DIGITS;
        let bin = if digits.len() < LONG_FROM {
            short
        } else {
            long
        };
        put(self.bin, &digits[..bin]);
        put(self.last4, &digits[digits.len() - 4..]);
        Ok(true)
    }
}

fn put(column: &mut TextBuffer, row: usize, text: &[u8]) {
    column.bytes().extend_from_slice(text);
    column.finish_row(row);
}
