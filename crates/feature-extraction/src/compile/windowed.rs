//! Operations over windows: totals, and what needs single records.

use tillwatch_records::column::ColumnType;

use crate::catalog::{Aggregate, FeatureSpec};
use crate::plan::ids::intern;
use crate::plan::parts::{
    bit, column, column_of, count, count_word, counted, known_count, newest_count, number,
    predicate_id, raw, since, sum, window,
};
use crate::plan::{
    CohortSpec, CountField, CountSource, DecayedSpec, ExtremeSpec, ExtremeValue, GapField,
    HoldingSpec, LabelledSpec, Lasting, Needed, NumberField, Op, Part, Plan, RawField, Shrink,
    Single, Total, Window,
};
use crate::structures::decay::HalfLife;
use crate::structures::{Holding, HoldingRead};

pub(super) fn count_op(plan: &mut Plan, spec: &FeatureSpec) -> Op {
    let bit = counted(plan, spec);
    let source = count(plan, bit);
    let window = window(plan, spec, source);
    Op::Count {
        window,
        count: part(plan, spec, window, source),
    }
}

pub(super) fn sum_op(plan: &mut Plan, spec: &FeatureSpec) -> Op {
    let bit = counted(plan, spec);
    let source = count(plan, bit);
    let window = window(plan, spec, source);
    let word = sum(plan, bit, spec);
    let sum = match label(plan, spec) {
        None => Total::Word(word),
        Some(bit) => Total::Labelled(labelled(plan, window, bit, source, Some(word))),
    };
    if spec.aggregate == Aggregate::Sum {
        return Op::Sum { window, sum };
    }
    Op::Mean {
        window,
        sum,
        count: part(plan, spec, window, source),
    }
}

pub(super) fn stddev_op(plan: &mut Plan, spec: &FeatureSpec) -> Op {
    let bit = counted(plan, spec);
    let count = count(plan, bit);
    let field = NumberField {
        bit,
        source: column(spec),
    };
    let index = intern(&mut plan.layout.squares, field);
    Op::Stddev {
        window: window(plan, spec, count),
        sum: sum(plan, bit, spec),
        squares: plan.layout.squares_at + 4 * index,
        count,
    }
}

pub(super) fn ratio_op(plan: &mut Plan, spec: &FeatureSpec) -> Op {
    let both = bit(plan, spec, &[&spec.filter, &spec.base], &[]);
    let base = bit(plan, spec, &[&spec.base], &[]);
    let (both_source, whole) = (count(plan, both), count(plan, base));
    let window = window(plan, spec, whole);
    let shrink = spec.shrinkage.as_ref().map(|shrinkage| Shrink {
        strength: shrinkage.strength,
        prior: shrinkage.prior,
        cohort: (!shrinkage.cohort.is_empty()).then(|| {
            let cohort = CohortSpec {
                hash: intern(&mut plan.hashes, shrinkage.cohort.clone()),
                part: both,
                base,
                half_life: HalfLife::new(spec.half_life_ms),
            };
            intern(&mut plan.cohorts, cohort)
        }),
    });
    Op::Ratio {
        window,
        part: part(plan, spec, window, both_source),
        whole,
        shrink,
    }
}

/// The records that count, or those of them that the feature's label speaks of.
pub(super) fn part(
    plan: &mut Plan,
    spec: &FeatureSpec,
    window: Window,
    source: CountSource,
) -> Part {
    match label(plan, spec) {
        None => Part::Counted(source),
        Some(bit) => Part::Labelled(labelled(plan, window, bit, source, None)),
    }
}

pub(super) fn labelled(
    plan: &mut Plan,
    window: Window,
    label: u32,
    count: CountSource,
    sum: Option<usize>,
) -> usize {
    let spec = LabelledSpec {
        start_bound: window.start,
        end_bound: plan.ends[window.end].bound,
        label,
        count,
        sum,
    };
    intern(&mut plan.labelled, spec)
}

/// Bit of the feature's label predicate, if it has one.
pub(super) fn label(plan: &mut Plan, spec: &FeatureSpec) -> Option<u32> {
    let predicate = spec.label.as_ref()?;
    intern(&mut plan.layout.raws, RawField::Id);
    intern(&mut plan.layout.raws, RawField::Labels);
    Some(predicate_id(&mut plan.labels, predicate) as u32)
}

pub(super) fn extreme_op(plan: &mut Plan, spec: &FeatureSpec) -> Single {
    let bit = counted(plan, spec);
    let source = newest_count(plan, spec, bit);
    let window = window(plan, spec, source);
    let is_integer = column_of(spec).is_some_and(|c| c.kind == ColumnType::Int64);
    // The totals before a row that stands for several do not tell their values apart.
    let value = if is_integer && spec.resolution_ms == 0 {
        ExtremeValue::Integer {
            sum: sum(plan, bit, spec),
            count: count_word(plan, CountField::Bit(bit)),
        }
    } else {
        let number = number(plan, spec, 0);
        ExtremeValue::Float {
            raw: raw(plan, RawField::Float { bit, number }),
        }
    };
    let wanted = ExtremeSpec {
        value,
        smallest: spec.aggregate == Aggregate::Min,
        end_bound: plan.ends[window.end].bound,
        reach_ms: spec.delay_ms + spec.window_ms + spec.resolution_ms,
    };
    let shared = plan.extremes.iter_mut().position(|known| {
        let same = ExtremeSpec {
            reach_ms: wanted.reach_ms,
            ..*known
        } == wanted;
        if same {
            known.reach_ms = known.reach_ms.max(wanted.reach_ms);
        }
        same
    });
    let queue = shared.unwrap_or_else(|| {
        plan.extremes.push(wanted);
        plan.extremes.len() - 1
    });
    note_lasting(plan, window, Needed::Extreme { queue });
    Single::Extreme { window, queue }
}

pub(super) fn edge_op(plan: &mut Plan, spec: &FeatureSpec) -> Single {
    let bit = counted(plan, spec);
    let number = number(plan, spec, 0);
    let word = raw(plan, RawField::Float { bit, number });
    let count = known_count(plan, spec, bit);
    Single::Edge {
        window: window(plan, spec, count),
        raw: word,
        count,
        is_last: spec.aggregate == Aggregate::Last,
    }
}

pub(super) fn values_op(plan: &mut Plan, spec: &FeatureSpec) -> Single {
    let bit = counted(plan, spec);
    let count = newest_count(plan, spec, bit);
    let window = window(plan, spec, count);
    let sources = spec.columns.clone();
    let raw = raw(plan, RawField::Hash { bit, sources });
    let (holding, read) = match spec.aggregate {
        Aggregate::Distinct => (Holding::Distinct, HoldingRead::Distinct),
        Aggregate::Entropy => (Holding::Entropy, HoldingRead::Entropy),
        _ => {
            let hash = intern(&mut plan.hashes, spec.columns.clone());
            (Holding::Counts, HoldingRead::Repeats { hash })
        }
    };
    if holding == Holding::Distinct {
        note_lasting(plan, window, Needed::Values { raw });
    }
    let slot = holding_slot(plan, window, holding, raw);
    Single::Held { window, slot, read }
}

/// Notes what a window needs of rows that are thinned out, if it begins among them.
fn note_lasting(plan: &mut Plan, window: Window, needed: Needed) {
    let bound = window.start;
    if plan.bounds[bound].resolution_ms > 0 {
        intern(&mut plan.lasting, Lasting { bound, needed });
    }
}

pub(super) fn ranks_op(plan: &mut Plan, spec: &FeatureSpec) -> Single {
    let bit = counted(plan, spec);
    let number = number(plan, spec, 0);
    let is_log = spec.is_log;
    let read = match spec.aggregate {
        Aggregate::Quantile => HoldingRead::Quantile { q: spec.quantile },
        _ => HoldingRead::RobustZ { number, is_log },
    };
    if spec.half_life_ms > 0 {
        let decayed = DecayedSpec {
            bit,
            number,
            is_log,
            half_life: HalfLife::new(spec.half_life_ms),
        };
        let slot = intern(&mut plan.decayed, decayed);
        return Single::Decayed { slot, read };
    }
    let field = RawField::Bucket {
        bit,
        number,
        is_log,
    };
    let raw = raw(plan, field);
    let count = newest_count(plan, spec, bit);
    let window = window(plan, spec, count);
    let slot = holding_slot(plan, window, Holding::Histogram, raw);
    Single::Held { window, slot, read }
}

pub(super) fn holding_slot(plan: &mut Plan, window: Window, holding: Holding, raw: usize) -> usize {
    let spec = HoldingSpec {
        holding,
        raw,
        is_short: holding == Holding::Histogram,
        is_kept: window.last == 0,
        start_bound: window.start,
        end_bound: plan.ends[window.end].bound,
    };
    intern(&mut plan.holdings, spec)
}

pub(super) fn inter_arrival_op(plan: &mut Plan, spec: &FeatureSpec) -> Single {
    let bit = counted(plan, spec);
    let count = count(plan, bit);
    let since = since(plan, bit);
    let index = intern(&mut plan.layout.gaps, GapField { count, since });
    Single::InterArrival {
        window: window(plan, spec, count),
        gaps: plan.layout.gaps_at + 4 * index,
        count,
        is_cv: spec.aggregate == Aggregate::InterArrivalCv,
    }
}
