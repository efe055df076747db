//! Which records count, what of a record is kept in its row, and its numbers.

use std::sync::Arc;

use tillwatch_predicate::Predicate;
use tillwatch_records::Column;

use super::request::Parts;
use crate::catalog::{FeatureSpec, InputColumn};
use crate::plan::ids::{FieldId, intern};
use crate::plan::{
    Bit, BitId, CountField, CountedBy, Layout, Number, NumberId, RawField, SQUARE_WORDS, SUM_WORDS,
    Term,
};

impl Parts {
    /// Records of the feature's kind that its filter lets through, with all its columns.
    pub(crate) fn counted(&mut self, spec: &FeatureSpec) -> BitId {
        self.bit(spec, &[&spec.filter], &spec.columns)
    }

    /// Records of the feature's kind that satisfy `predicates` and have all of `not_null`.
    pub(crate) fn bit(
        &mut self,
        spec: &FeatureSpec,
        predicates: &[&Option<Arc<Predicate>>],
        not_null: &[InputColumn],
    ) -> BitId {
        let given = predicates.iter().filter_map(|predicate| predicate.as_ref());
        let known = &mut self.plan.predicates;
        let mut ids: Vec<usize> = given.map(|p| predicate_id(known, p)).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut not_null = not_null.to_vec();
        not_null.sort_by(|a, b| a.name.cmp(&b.name));
        let bit = Bit {
            kind: spec.record_type,
            predicates: ids,
            not_null,
        };
        let id = intern(&mut self.plan.bits, bit);
        self.uses.bits.insert(id);
        id
    }

    /// A running count of the records that have `bit`.
    pub(crate) fn count(&mut self, bit: BitId) -> CountedBy {
        let Bit {
            predicates,
            not_null,
            ..
        } = &self.plan.bits[bit];
        // Compacted rows stand for more than one record.
        let all = predicates.is_empty() && not_null.is_empty();
        if self.plan.kinds.len() == 1 && all && !self.plan.has_panes {
            return CountedBy::Rows;
        }
        CountedBy::Word(self.count_word(CountField::Bit(bit)))
    }

    /// As [`Parts::count`], of those records for which the feature's number has a value: whether an
    /// expression has one, or a number has a logarithm, is known only when it is there.
    pub(crate) fn known_count(&mut self, spec: &FeatureSpec, bit: BitId) -> CountedBy {
        if spec.expression.is_none() && !spec.is_log {
            return self.count(bit);
        }
        let known = CountField::Known {
            bit,
            number: self.number(spec, 0),
            is_log: spec.is_log,
        };
        CountedBy::Word(self.count_word(known))
    }

    /// A running count of the records that have `bit` and came under an event id that another one had.
    pub(crate) fn reused_count(&mut self, bit: BitId) -> CountedBy {
        CountedBy::Word(self.count_word(CountField::Reused(bit)))
    }

    /// What `last` counts by; where all records of the window are taken, nothing is.
    pub(crate) fn newest_count(&mut self, spec: &FeatureSpec, bit: BitId) -> CountedBy {
        match spec.last {
            0 => CountedBy::Rows,
            _ => self.known_count(spec, bit),
        }
    }

    /// Word of a running count.
    pub(crate) fn count_word(&mut self, field: CountField) -> usize {
        let index = intern(&mut self.plan.layout.counts, field);
        self.uses.fields.insert(FieldId::Count(index));
        Layout::COUNTS_AT + index
    }

    /// Word of a running sum of integers.
    pub(crate) fn sum_word(&mut self, term: Term) -> usize {
        let layout = &mut self.plan.layout;
        let index = intern(&mut layout.sums, term);
        self.uses.fields.insert(FieldId::Sum(index));
        layout.places.sums_at + SUM_WORDS * index
    }

    /// Word of a running sum of squares of integers.
    pub(crate) fn square_word(&mut self, term: Term) -> usize {
        let layout = &mut self.plan.layout;
        let index = intern(&mut layout.squares, term);
        self.uses.fields.insert(FieldId::Square(index));
        layout.places.squares_at + SQUARE_WORDS * index
    }

    /// Word of a running sum of products that fits 128 bits, whatever the records.
    pub(crate) fn wide_word(&mut self, term: Term) -> usize {
        let layout = &mut self.plan.layout;
        let index = intern(&mut layout.wide, term);
        self.uses.fields.insert(FieldId::Wide(index));
        layout.places.wide_at + 4 * index
    }

    /// Word of a record's own value.
    pub(crate) fn raw_word(&mut self, field: RawField) -> usize {
        let index = intern(&mut self.plan.layout.raws, field);
        self.uses.fields.insert(FieldId::Raw(index));
        self.plan.layout.raw_at(index)
    }

    /// The expression of a feature, or its column at `index`.
    pub(crate) fn number(&mut self, spec: &FeatureSpec, index: usize) -> NumberId {
        let wanted = match (&spec.expression, spec.columns.get(index)) {
            (Some(expression), _) => Number::Expression(Arc::clone(expression)),
            (None, Some(input)) => Number::Column(input.clone()),
            (None, None) => Number::Column(column(spec)),
        };
        let numbers = &mut self.plan.numbers;
        let known = numbers.iter().position(|known| match (known, &wanted) {
            (Number::Column(a), Number::Column(b)) => a == b,
            (Number::Expression(a), Number::Expression(b)) => a.canonical() == b.canonical(),
            _ => false,
        });
        known.unwrap_or_else(|| {
            numbers.push(wanted);
            numbers.len() - 1
        })
    }

    /// The hash of a tuple of columns: an index into the hashes of the plan.
    pub(crate) fn hash(&mut self, inputs: &[InputColumn]) -> usize {
        intern(&mut self.plan.hashes, inputs.to_vec())
    }
}

/// The column of an aggregate that has one, as the catalog has checked.
pub(crate) fn column(spec: &FeatureSpec) -> InputColumn {
    debug_assert!(!spec.columns.is_empty());
    let first = spec.columns.first().cloned();
    first.unwrap_or_else(|| InputColumn::event(Column::AmountMinor))
}

/// Index of `predicate` among those that are known, where it is put if it is not there.
pub(super) fn predicate_id(known: &mut Vec<Arc<Predicate>>, predicate: &Arc<Predicate>) -> usize {
    let canonical = predicate.canonical();
    let same = known.iter().position(|p| p.canonical() == canonical);
    same.unwrap_or_else(|| {
        known.push(Arc::clone(predicate));
        known.len() - 1
    })
}
