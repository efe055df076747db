//! From feature declarations to shared fields and operations.

use std::sync::Arc;

use tillwatch_predicate::Predicate;
use tillwatch_records::column::ColumnType;
use tillwatch_records::{Column, RecordKind};

use super::{
    Bit, BitId, CountSource, DistinctSpec, End, ExtremeSpec, ExtremeValue, FeatureInfo, Op, Plan,
    SinceSpec, Window,
};
use crate::catalog::{Aggregate, Catalog, FeatureSpec};
use crate::layout::{Layout, NumberField, RawField};
use crate::settings::EngineSettings;

pub(super) fn compile(catalog: &Catalog, settings: &EngineSettings) -> Plan {
    let mut kinds = vec![RecordKind::Transaction];
    for spec in catalog.features() {
        intern(&mut kinds, spec.record_type);
    }
    let features: Vec<FeatureInfo> = catalog.features().iter().map(info).collect();
    let mut plan = Plan {
        version: catalog.version().to_owned(),
        schema: Plan::schema_of(&features),
        features,
        settings: settings.clone(),
        predicates: Vec::new(),
        expressions: Vec::new(),
        bits: Vec::new(),
        layout: Layout::default(),
        bounds_ms: vec![0],
        ends: Vec::new(),
        extremes: Vec::new(),
        distincts: Vec::new(),
        sinces: Vec::new(),
        ops: Vec::new(),
        kinds,
        columns: Vec::new(),
        longest_ms: 0,
        fixed_words: 0,
    };
    // The place of a field in a row depends on how many fields there are, so the first round only
    // collects fields and the second makes the operations.
    for spec in catalog.features() {
        op(&mut plan, spec);
    }
    plan.layout.settle();
    plan.extremes.clear();
    plan.distincts.clear();
    plan.sinces.clear();
    plan.expressions.clear();
    for spec in catalog.features() {
        let op = op(&mut plan, spec);
        plan.ops.push(op);
    }
    plan.fixed_words = plan.distinct_at(plan.distincts.len());
    plan.longest_ms = plan.bounds_ms.iter().copied().max().unwrap_or(0);
    plan.columns = columns_needed(&plan, catalog);
    plan
}

fn info(spec: &FeatureSpec) -> FeatureInfo {
    FeatureInfo {
        name: spec.name.clone(),
        description: spec.description.clone(),
        window: spec.window_text.clone(),
        unit: spec.unit.clone(),
    }
}

fn columns_needed(plan: &Plan, catalog: &Catalog) -> Vec<Column> {
    let mut columns = vec![Column::EventId, Column::EventTime];
    let inputs = plan
        .predicates
        .iter()
        .flat_map(|predicate| predicate.inputs())
        .chain(plan.expressions.iter().flat_map(|e| e.inputs()));
    columns.extend(inputs.filter_map(|name| Column::from_name(name)));
    for spec in catalog.features() {
        columns.extend(&spec.columns);
    }
    columns.sort_unstable();
    columns.dedup();
    columns
}

fn op(plan: &mut Plan, spec: &FeatureSpec) -> Op {
    match spec.aggregate {
        Aggregate::Value => {
            plan.expressions.extend(spec.expression.clone());
            return Op::Value {
                expression: plan.expressions.len() - 1,
            };
        }
        Aggregate::TimeSinceLast => {
            let bit = bit(plan, spec, &[&spec.filter], &[]);
            let count = count(plan, bit);
            let slot = intern(&mut plan.sinces, SinceSpec { bit, count });
            return Op::Since { slot };
        }
        _ => {}
    }
    let window = window(plan, spec);
    let counted = bit(plan, spec, &[&spec.filter], &spec.columns);
    let column = spec.columns.first().copied();
    match (spec.aggregate, column) {
        (Aggregate::Ratio, _) => {
            let both = bit(plan, spec, &[&spec.filter, &spec.base], &[]);
            let base = bit(plan, spec, &[&spec.base], &[]);
            Op::Ratio {
                window,
                part: count(plan, both),
                whole: count(plan, base),
            }
        }
        (Aggregate::Sum, Some(column)) => Op::Sum {
            window,
            sum: sum(plan, counted, column),
        },
        (Aggregate::Mean, Some(column)) => Op::Mean {
            window,
            sum: sum(plan, counted, column),
            count: count(plan, counted),
        },
        (Aggregate::Stddev, Some(column)) => Op::Stddev {
            window,
            sum: sum(plan, counted, column),
            squares: squares(plan, counted, column),
            count: count(plan, counted),
        },
        (Aggregate::Min | Aggregate::Max, Some(column)) => {
            let queue = extreme(plan, spec, counted, column, window);
            Op::Extreme { window, queue }
        }
        (Aggregate::Distinct, Some(_)) => {
            let field = RawField::Hash {
                bit: counted,
                columns: spec.columns.clone(),
            };
            let distinct = DistinctSpec {
                raw: raw(plan, field),
                start_bound: window.start,
                end_bound: plan.ends[window.end].bound,
            };
            let slot = intern(&mut plan.distincts, distinct);
            Op::Distinct { window, slot }
        }
        // The catalog gives every other aggregate its column.
        _ => Op::Count {
            window,
            count: count(plan, counted),
        },
    }
}

fn window(plan: &mut Plan, spec: &FeatureSpec) -> Window {
    let start = intern(&mut plan.bounds_ms, spec.delay_ms + spec.window_ms);
    let end = End {
        bound: intern(&mut plan.bounds_ms, spec.delay_ms),
        with_current: spec.delay_ms == 0 && !spec.exclude_current,
    };
    Window {
        start,
        end: intern(&mut plan.ends, end),
    }
}

fn bit(
    plan: &mut Plan,
    spec: &FeatureSpec,
    predicates: &[&Option<Arc<Predicate>>],
    not_null: &[Column],
) -> BitId {
    let mut ids: Vec<usize> = predicates
        .iter()
        .filter_map(|predicate| predicate.as_ref())
        .map(|predicate| predicate_id(plan, predicate))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let mut not_null = not_null.to_vec();
    not_null.sort_unstable();
    let bit = Bit {
        kind: spec.record_type,
        predicates: ids,
        not_null,
    };
    intern(&mut plan.bits, bit)
}

fn predicate_id(plan: &mut Plan, predicate: &Arc<Predicate>) -> usize {
    let canonical = predicate.canonical();
    let known = plan
        .predicates
        .iter()
        .position(|p| p.canonical() == canonical);
    known.unwrap_or_else(|| {
        plan.predicates.push(Arc::clone(predicate));
        plan.predicates.len() - 1
    })
}

fn count(plan: &mut Plan, bit: BitId) -> CountSource {
    let Bit {
        predicates,
        not_null,
        ..
    } = &plan.bits[bit];
    if plan.kinds.len() == 1 && predicates.is_empty() && not_null.is_empty() {
        return CountSource::Rows;
    }
    CountSource::Word(count_word(plan, bit))
}

fn count_word(plan: &mut Plan, bit: BitId) -> usize {
    Layout::COUNTS_AT + intern(&mut plan.layout.counts, bit)
}

fn sum(plan: &mut Plan, bit: BitId, column: Column) -> usize {
    let index = intern(&mut plan.layout.sums, NumberField { bit, column });
    plan.layout.sums_at + 2 * index
}

fn squares(plan: &mut Plan, bit: BitId, column: Column) -> usize {
    let index = intern(&mut plan.layout.squares, NumberField { bit, column });
    plan.layout.squares_at + 4 * index
}

fn raw(plan: &mut Plan, field: RawField) -> usize {
    let index = intern(&mut plan.layout.raws, field);
    plan.layout.raws_at + 2 * index
}

fn extreme(
    plan: &mut Plan,
    spec: &FeatureSpec,
    bit: BitId,
    column: Column,
    window: Window,
) -> usize {
    let value = if column.kind() == ColumnType::Float64 {
        ExtremeValue::Float {
            raw: raw(plan, RawField::Float { bit, column }),
        }
    } else {
        ExtremeValue::Integer {
            sum: sum(plan, bit, column),
            count: count_word(plan, bit),
        }
    };
    let wanted = ExtremeSpec {
        value,
        smallest: spec.aggregate == Aggregate::Min,
        end_bound: plan.ends[window.end].bound,
        reach_ms: spec.delay_ms + spec.window_ms,
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
    shared.unwrap_or_else(|| {
        plan.extremes.push(wanted);
        plan.extremes.len() - 1
    })
}

/// Index of `item` in `list`, where it is put if it is not there.
fn intern<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter()
        .position(|known| *known == item)
        .unwrap_or_else(|| {
            list.push(item);
            list.len() - 1
        })
}
