//! A parcel in a transaction, and the forms of those of its records that were refused.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use tillwatch_kafka::ErrorCode;

use super::parcel::Parcel;
use crate::kafka::clients::TopicNames;
use crate::kafka::forms::{Learnt, next_form};
use crate::kafka::kept::{Kept, OUTPUTS};
use crate::kafka::owed::{Stage, What};
use crate::settings::Output;

/// A parcel in a transaction.
pub(crate) struct Held {
    pub(crate) parcel: Arc<Parcel>,
    /// Records that are not sent as they were made, by output and number.
    forms: BTreeMap<(usize, usize), Form>,
}

/// How a record is sent that was refused.
pub(crate) enum Form {
    As(Box<Kept>),
    /// It is refused in every form.
    Dropped,
}

impl Held {
    pub(crate) fn new(parcel: Arc<Parcel>) -> Self {
        Self {
            parcel,
            forms: BTreeMap::new(),
        }
    }

    /// How a record is sent, where it is not sent as it was made.
    pub(crate) fn form(&self, output: Output, index: usize) -> Option<&Form> {
        self.forms.get(&(output as usize, index))
    }

    /// The records of an output that are not sent as they were made, in order.
    pub(crate) fn special(&self, output: Output) -> Vec<usize> {
        let number = output as usize;
        let of_output = self.forms.range((number, 0)..(number + 1, 0));
        of_output.map(|((_, index), _)| *index).collect()
    }

    /// Records that were dropped, and those that are sent in a reduced form.
    pub(crate) fn lessened(&self) -> (usize, usize) {
        let dropped = |form: &&Form| matches!(form, Form::Dropped);
        let reduced = |form: &&Form| match form {
            Form::As(kept) => matches!(kept.stage, Stage::Reduced(_)),
            Form::Dropped => false,
        };
        (
            self.forms.values().filter(dropped).count(),
            self.forms.values().filter(reduced).count(),
        )
    }

    /// Bytes of a record that is sent as it was made, with others; `None` of one in another form.
    pub(crate) fn bytes_as_made(&self, (output, index): (Output, usize)) -> Option<usize> {
        let is_as_made = self.form(output, index).is_none();
        is_as_made.then(|| self.parcel.parts(output, index).wire_bytes())
    }

    /// A broker refused a record, or one of its batch: it takes its next form. What is refused alone is
    /// learnt.
    pub(crate) fn refuse(
        &mut self,
        (output, index): (Output, usize),
        code: ErrorCode,
        names: &TopicNames,
        learnt: &mut Learnt,
        at: Instant,
    ) {
        let mut kept = self.take(output, index, names);
        if kept.stage != Stage::Whole {
            learnt.note(output, &kept.parts, code, at);
        }
        kept.code = code;
        self.advance((output, index), &kept, learnt, at);
    }

    /// The client refused a record, which it looks at by itself.
    pub(crate) fn refuse_alone(
        &mut self,
        (output, index): (Output, usize),
        code: ErrorCode,
        names: &TopicNames,
        learnt: &Learnt,
        at: Instant,
    ) {
        let mut kept = self.take(output, index, names);
        if kept.stage == Stage::Whole {
            kept.stage = Stage::Alone;
        }
        kept.code = code;
        self.advance((output, index), &kept, learnt, at);
    }

    /// Gives records their next form that are like ones that were refused before.
    pub(crate) fn foresee(&mut self, names: &TopicNames, learnt: &Learnt, at: Instant) {
        for output in OUTPUTS {
            if !learnt.knows(output, at) {
                continue;
            }
            let count = match output {
                Output::DeadLetters => self.parcel.letters().len(),
                Output::Scores | Output::Alerts => self.parcel.lines(output).len(),
            };
            for index in 0..count {
                let refused = match self.form(output, index) {
                    None => learnt.refuses(output, &self.parcel.parts(output, index), at),
                    Some(Form::As(kept)) if kept.stage == Stage::Alone => {
                        learnt.refuses(output, &kept.parts, at)
                    }
                    Some(Form::As(_) | Form::Dropped) => None,
                };
                if let Some(code) = refused {
                    self.refuse_alone((output, index), code, names, learnt, at);
                }
            }
        }
    }

    /// The record in the form in which it was sent last.
    fn take(&mut self, output: Output, index: usize, names: &TopicNames) -> Kept {
        if let Some(Form::As(kept)) = self.forms.remove(&(output as usize, index)) {
            return *kept;
        }
        let what = match output {
            Output::Scores => What::Score,
            Output::Alerts => What::Alert,
            Output::DeadLetters => {
                let letter = &self.parcel.letters()[index];
                What::Letter {
                    note: Arc::clone(&letter.note),
                    weight: letter.weight,
                }
            }
        };
        Kept {
            topic: names[output as usize].as_deref().unwrap_or_default().into(),
            parts: self.parcel.parts(output, index),
            ticket: None,
            what,
            stage: Stage::Whole,
            code: ErrorCode::NoError,
        }
    }

    /// Puts the first form after `refused` in its place that is not known to be refused.
    fn advance(
        &mut self,
        (output, index): (Output, usize),
        refused: &Kept,
        learnt: &Learnt,
        at: Instant,
    ) {
        let mut next = next_form(refused);
        while let Some(form) = &mut next {
            let is_whole = form.stage == Stage::Alone;
            let Some(code) = learnt.refuses(output, &form.parts, at) else {
                break;
            };
            // Whole records are tried alone only while nothing is known of them.
            form.code = if is_whole { code } else { refused.code };
            next = next_form(form);
        }
        let form = next.map_or(Form::Dropped, |kept| Form::As(Box::new(kept)));
        self.forms.insert((output as usize, index), form);
    }
}
