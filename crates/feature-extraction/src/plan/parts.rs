//! What operations share: bits, counts, sums, windows, numbers. Equal ones are made once.

use std::sync::Arc;

use tillwatch_predicate::Predicate;
use tillwatch_records::Column;

use super::compiled::{Number, Plan};
use super::ids::{BitId, CountSource, NumberId, intern};
use super::layout::{CountField, Layout, NumberField, RawField};
use super::spec::{Bit, Bound, End, SinceSpec, Window};
use crate::catalog::{FeatureSpec, Source};

pub(crate) fn window(plan: &mut Plan, spec: &FeatureSpec, counted: CountSource) -> Window {
    let start = Bound {
        before_ms: spec.delay_ms + spec.window_ms,
        resolution_ms: spec.resolution_ms,
    };
    let end = Bound {
        before_ms: spec.delay_ms,
        resolution_ms: 0,
    };
    let start = intern(&mut plan.bounds, start);
    let end = End {
        bound: intern(&mut plan.bounds, end),
        with_current: spec.delay_ms == 0 && !spec.exclude_current,
    };
    Window {
        start,
        end: intern(&mut plan.ends, end),
        last: spec.last,
        counted,
    }
}

/// Records of the feature's kind that its filter lets through, with all its columns.
pub(crate) fn counted(plan: &mut Plan, spec: &FeatureSpec) -> BitId {
    bit(plan, spec, &[&spec.filter], &spec.columns)
}

pub(crate) fn bit(
    plan: &mut Plan,
    spec: &FeatureSpec,
    predicates: &[&Option<Arc<Predicate>>],
    not_null: &[Source],
) -> BitId {
    let mut ids: Vec<usize> = predicates
        .iter()
        .filter_map(|predicate| predicate.as_ref())
        .map(|predicate| predicate_id(&mut plan.predicates, predicate))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let mut not_null = not_null.to_vec();
    not_null.sort_by(|a, b| a.name.cmp(&b.name));
    let bit = Bit {
        kind: spec.record_type,
        predicates: ids,
        not_null,
    };
    intern(&mut plan.bits, bit)
}

pub(crate) fn predicate_id(known: &mut Vec<Arc<Predicate>>, predicate: &Arc<Predicate>) -> usize {
    let canonical = predicate.canonical();
    let same = known.iter().position(|p| p.canonical() == canonical);
    same.unwrap_or_else(|| {
        known.push(Arc::clone(predicate));
        known.len() - 1
    })
}

pub(crate) fn since(plan: &mut Plan, bit: BitId) -> usize {
    let count = count(plan, bit);
    intern(&mut plan.sinces, SinceSpec { bit, count })
}

pub(crate) fn count(plan: &mut Plan, bit: BitId) -> CountSource {
    let Bit {
        predicates,
        not_null,
        ..
    } = &plan.bits[bit];
    // Thinned rows stand for more than one record.
    let all = predicates.is_empty() && not_null.is_empty();
    if plan.kinds.len() == 1 && all && !plan.has_panes {
        return CountSource::Rows;
    }
    CountSource::Word(count_word(plan, CountField::Bit(bit)))
}

/// As [`count`], of those records for which the feature's number has a value: whether an expression
/// has one, or a number has a logarithm, is known only when it is there.
pub(crate) fn known_count(plan: &mut Plan, spec: &FeatureSpec, bit: BitId) -> CountSource {
    if spec.expression.is_none() && !spec.is_log {
        return count(plan, bit);
    }
    let known = CountField::Known {
        bit,
        number: number(plan, spec, 0),
        is_log: spec.is_log,
    };
    CountSource::Word(count_word(plan, known))
}

/// What `last` counts by; where all records of the window are taken, nothing is.
pub(crate) fn newest_count(plan: &mut Plan, spec: &FeatureSpec, bit: BitId) -> CountSource {
    match spec.last {
        0 => CountSource::Rows,
        _ => known_count(plan, spec, bit),
    }
}

pub(crate) fn count_word(plan: &mut Plan, field: CountField) -> usize {
    Layout::COUNTS_AT + intern(&mut plan.layout.counts, field)
}

pub(crate) fn column_of(spec: &FeatureSpec) -> Option<&Source> {
    spec.columns.first()
}

/// The column of an aggregate that has one, as the catalog has checked.
pub(crate) fn column(spec: &FeatureSpec) -> Source {
    debug_assert!(!spec.columns.is_empty());
    column_of(spec)
        .cloned()
        .unwrap_or_else(|| Source::event(Column::AmountMinor))
}

pub(crate) fn sum(plan: &mut Plan, bit: BitId, spec: &FeatureSpec) -> usize {
    let field = NumberField {
        bit,
        source: column(spec),
    };
    plan.layout.sums_at + 2 * intern(&mut plan.layout.sums, field)
}

pub(crate) fn raw(plan: &mut Plan, field: RawField) -> usize {
    let index = intern(&mut plan.layout.raws, field);
    plan.layout.raw_at(index)
}

/// The expression of a feature, or its column at `index`.
pub(crate) fn number(plan: &mut Plan, spec: &FeatureSpec, index: usize) -> NumberId {
    let wanted = match (&spec.expression, spec.columns.get(index)) {
        (Some(expression), _) => Number::Expression(Arc::clone(expression)),
        (None, Some(source)) => Number::Column(source.clone()),
        (None, None) => Number::Column(column(spec)),
    };
    let known = plan
        .numbers
        .iter()
        .position(|known| match (known, &wanted) {
            (Number::Column(a), Number::Column(b)) => a == b,
            (Number::Expression(a), Number::Expression(b)) => a.canonical() == b.canonical(),
            _ => false,
        });
    known.unwrap_or_else(|| {
        plan.numbers.push(wanted);
        plan.numbers.len() - 1
    })
}
