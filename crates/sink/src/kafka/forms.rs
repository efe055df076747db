//! The forms of an output that is refused for its own sake, from whole to next to nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tillwatch_kafka::ErrorCode;

use super::blame::Blame;
use super::kept::Kept;
use super::letter::{self, Parts};
use super::owed::{Stage, What};
use super::reduced_score;
use crate::settings::Output;
use crate::status::Cause;

/// How long what a topic refused is remembered: its limit may have been raised since.
pub(crate) const LEARNT_FOR: Duration = Duration::from_secs(600);

/// Kafka's own limit of a record batch, `max.message.bytes`: below it, the limits that reduced letters are
/// made for are tried.
const USUAL_BYTES_MAX: usize = 1_048_588;

/// What topics have refused, so that records like it need not be refused one by one.
#[derive(Default)]
pub(crate) struct Learnt([Limits; 3]);

#[derive(Default)]
struct Limits {
    /// Records of more bytes are refused.
    bytes_max: Option<(usize, Instant)>,
    /// Records without a key are refused.
    keyless: Option<Instant>,
}

impl Learnt {
    /// Notes that a record was refused alone.
    pub(crate) fn note(&mut self, output: Output, parts: &Parts, code: ErrorCode, at: Instant) {
        let limits = &mut self.0[output as usize];
        match Blame::of(code).cause() {
            Cause::TooLarge => {
                let bytes = parts.wire_bytes();
                let sizes = [USUAL_BYTES_MAX].into_iter().chain(letter::SIZES);
                let below = sizes.into_iter().find(|size| *size < bytes);
                limits.bytes_max = Some((below.unwrap_or(bytes - 1), at));
            }
            Cause::Invalid if parts.key.is_none() => limits.keyless = Some(at),
            _ => {}
        }
    }

    /// Whether anything was learnt of an output's topic that counts at `at`.
    pub(crate) fn knows(&self, output: Output, at: Instant) -> bool {
        self.refuses_keyless(output, at) || self.bytes_max(output, at).is_some()
    }

    /// Bytes above which a record of the output is refused, where that is known.
    pub(crate) fn bytes_max(&self, output: Output, at: Instant) -> Option<usize> {
        let (bytes, since) = self.0[output as usize].bytes_max?;
        (at.duration_since(since) < LEARNT_FOR).then_some(bytes)
    }

    /// Whether a record in this form is like one that was refused.
    pub(crate) fn refuses(&self, output: Output, parts: &Parts, at: Instant) -> Option<ErrorCode> {
        if parts.key.is_none() && self.refuses_keyless(output, at) {
            return Some(ErrorCode::InvalidRecord);
        }
        let max = self.bytes_max(output, at)?;
        (parts.wire_bytes() > max).then_some(ErrorCode::MessageSizeTooLarge)
    }

    fn refuses_keyless(&self, output: Output, at: Instant) -> bool {
        let keyless = self.0[output as usize].keyless;
        keyless.is_some_and(|since| at.duration_since(since) < LEARNT_FOR)
    }
}

/// A refused record in the form to be tried next; `None` when there is none left.
pub(crate) fn next_form(refused: &Kept) -> Option<Kept> {
    let with = |parts: Parts, what: What, stage: Stage| {
        Some(Kept {
            parts,
            what,
            stage,
            topic: Arc::clone(&refused.topic),
            ticket: refused.ticket.clone(),
            ..*refused
        })
    };
    let form = match refused.stage {
        Stage::Whole => {
            return with(refused.parts.clone(), refused.what.clone(), Stage::Alone);
        }
        Stage::Alone => 0,
        Stage::Reduced(form) => form + 1,
    };
    match &refused.what {
        What::Plain(_) => None,
        What::Score | What::Alert => {
            let parts = reduced_score::reduce(&refused.parts, form)?;
            with(parts, refused.what.clone(), Stage::Reduced(form))
        }
        What::Letter { note, weight } => {
            let form = letter_form(form, refused.code, refused.parts.wire_bytes())?;
            let size = letter::SIZES[form];
            let (note, parts) = note.reduce(&refused.parts, size, refused.code);
            let note = Arc::new(note);
            let weight = *weight;
            let stage = Stage::Reduced(u8::try_from(form).ok()?);
            with(parts, What::Letter { note, weight }, stage)
        }
    }
}

/// Which reduced form of a letter follows, from `first` on, when one of `bytes` was refused.
fn letter_form(first: u8, code: ErrorCode, bytes: usize) -> Option<usize> {
    let last = letter::SIZES.len() - 1;
    let first = usize::from(first);
    if Blame::of(code).cause() == Cause::TooLarge {
        // What is hardly smaller would be refused as well.
        return (first..=last).find(|form| letter::SIZES[*form] <= bytes / 4 * 3);
    }
    // Not its size is wrong: it is tried with a key, then with next to nothing of the record.
    match first {
        0 => Some(0),
        first if first <= last => Some(last),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_that_is_too_large_gets_smaller_until_no_form_is_left() {
        let next = |first, bytes| letter_form(first, ErrorCode::MessageSizeTooLarge, bytes);
        assert_eq!(next(0, 3_000_000), Some(0));
        assert_eq!(next(0, 1_048_700), Some(0));
        assert_eq!(next(0, 1_000_000), Some(1));
        assert_eq!(next(1, 768 * 1024), Some(1));
        assert_eq!(next(0, 5_000), Some(3));
        assert_eq!(next(0, 1_900), None);
        assert_eq!(next(4, 1_536), None);
    }

    #[test]
    fn what_a_topic_refused_once_is_known_for_a_while() {
        let mut learnt = Learnt::default();
        let at = tillwatch_kafka::now();
        let parts = |key: Option<&[u8]>, bytes| Parts {
            key: key.map(<[u8]>::to_vec),
            payload: Some(vec![0; bytes]),
            headers: Vec::new(),
        };
        let large = parts(Some(b"k"), 3_000_000);
        let letters = Output::DeadLetters;
        assert_eq!(learnt.refuses(letters, &large, at), None);
        learnt.note(letters, &large, ErrorCode::MessageSizeTooLarge, at);
        assert_eq!(learnt.bytes_max(letters, at), Some(USUAL_BYTES_MAX));
        let code = Some(ErrorCode::MessageSizeTooLarge);
        assert_eq!(learnt.refuses(letters, &large, at), code);
        let usual = parts(Some(b"k"), 1_000_000);
        assert_eq!(learnt.refuses(letters, &usual, at), None);
        assert_eq!(learnt.refuses(Output::Scores, &large, at), None);
        learnt.note(letters, &usual, ErrorCode::MessageSizeTooLarge, at);
        assert_eq!(learnt.bytes_max(letters, at), Some(letter::SIZES[0]));
        assert_eq!(learnt.bytes_max(letters, at + LEARNT_FOR), None);
        assert!(learnt.knows(letters, at) && !learnt.knows(letters, at + LEARNT_FOR));

        let keyless = parts(None, 10);
        learnt.note(letters, &keyless, ErrorCode::InvalidRecord, at);
        let code = Some(ErrorCode::InvalidRecord);
        assert_eq!(learnt.refuses(letters, &keyless, at), code);
        assert_eq!(learnt.refuses(letters, &parts(Some(b"k"), 10), at), None);
        assert!(!learnt.knows(letters, at + LEARNT_FOR) && !learnt.knows(Output::Scores, at));
    }

    #[test]
    fn a_letter_that_is_not_taken_for_its_content_is_tried_twice_more() {
        let next = |first| letter_form(first, ErrorCode::InvalidRecord, 300);
        assert_eq!(next(0), Some(0));
        assert_eq!(next(1), Some(3));
        assert_eq!(next(4), None);
    }
}
