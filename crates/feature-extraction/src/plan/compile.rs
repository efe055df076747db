//! From feature declarations to shared fields and operations.

use std::sync::Arc;

use tillwatch_predicate::Predicate;
use tillwatch_records::column::ColumnType;
use tillwatch_records::{Column, RecordKind};

use super::{
    Bit, BitId, Bound, CohortSpec, CountSource, DecayedSpec, End, EventKind, EventSpec,
    ExtremeSpec, ExtremeValue, FeatureInfo, Holding, HoldingRead, HoldingSpec, LABELS_MAX,
    LabelledSpec, Memory, MemoryRead, MemorySpec, Number, NumberId, Op, Part, Plan, Shrink,
    SinceSpec, Total, Window,
};
use crate::catalog::{Aggregate, Catalog, FeatureSpec, Source};
use crate::error::FeatureError;
use crate::feature::decay::HalfLife;
use crate::feature::ewma::EwmaSpec;
use crate::feature::profile::ProfileSpec;
use crate::feature::sequence::SequenceSpec;
use crate::layout::{CountField, GapField, Layout, NumberField, RawField};
use crate::settings::EngineSettings;

pub(super) fn compile(catalog: &Catalog, settings: &EngineSettings) -> Result<Plan, FeatureError> {
    let mut plan = empty(catalog, settings);
    // The place of a field in a row depends on how many fields there are, so the first round only
    // collects fields and the second makes the operations.
    for spec in catalog.features() {
        op(&mut plan, spec);
    }
    if plan.labels.len() > LABELS_MAX {
        return Err(FeatureError::Feature {
            feature: catalog.name().to_owned(),
            problem: format!(
                "{} different labels, at most {LABELS_MAX} are allowed; split the catalog",
                plan.labels.len()
            ),
        });
    }
    plan.layout.settle();
    plan.extremes.clear();
    plan.holdings.clear();
    plan.labelled.clear();
    for spec in catalog.features() {
        let op = op(&mut plan, spec);
        plan.ops.push(op);
    }
    let id = plan.layout.word_of(&RawField::Id);
    plan.label_words = id.zip(plan.layout.word_of(&RawField::Labels));
    let mut at = plan.label_hint_at() + usize::from(plan.label_words.is_some());
    for memory in &plan.memories {
        plan.memories_at.push(at);
        at += memory.words();
    }
    plan.fixed_words = at;
    for bound in &plan.bounds {
        plan.longest_ms = plan.longest_ms.max(bound.before_ms + bound.resolution_ms);
        if bound.resolution_ms == 0 {
            plan.exact_ms = plan.exact_ms.max(bound.before_ms);
        }
    }
    read_columns(&mut plan, catalog);
    Ok(plan)
}

fn empty(catalog: &Catalog, settings: &EngineSettings) -> Plan {
    let mut kinds = vec![RecordKind::Transaction];
    for spec in catalog.features() {
        intern(&mut kinds, spec.record_type);
    }
    let features: Vec<FeatureInfo> = catalog.features().iter().map(info).collect();
    Plan {
        version: catalog.version().to_owned(),
        schema: Plan::schema_of(&features),
        features,
        settings: settings.clone(),
        predicates: Vec::new(),
        labels: Vec::new(),
        numbers: Vec::new(),
        hashes: Vec::new(),
        bits: Vec::new(),
        layout: Layout::default(),
        bounds: vec![Bound {
            before_ms: 0,
            resolution_ms: 0,
        }],
        ends: Vec::new(),
        extremes: Vec::new(),
        holdings: Vec::new(),
        labelled: Vec::new(),
        sinces: Vec::new(),
        memories: Vec::new(),
        memories_at: Vec::new(),
        events: Vec::new(),
        decayed: Vec::new(),
        cohorts: Vec::new(),
        label_words: None,
        ops: Vec::new(),
        kinds,
        columns: Vec::new(),
        joined: Vec::new(),
        longest_ms: 0,
        exact_ms: 0,
        has_panes: catalog.features().iter().any(|f| f.resolution_ms > 0),
        fixed_words: 0,
    }
}

fn info(spec: &FeatureSpec) -> FeatureInfo {
    FeatureInfo {
        name: spec.name.clone(),
        description: spec.description.clone(),
        window: spec.window_text.clone(),
        unit: spec.unit.clone(),
    }
}

/// Notes which columns the plan reads, those of the records and those joined to them.
fn read_columns(plan: &mut Plan, catalog: &Catalog) {
    let mut columns = vec![Column::EventId, Column::EventTime];
    let mut joined: Vec<Source> = Vec::new();
    if !plan.labels.is_empty() {
        columns.push(Column::OccurredTime);
    }
    let expressions = plan.numbers.iter().filter_map(|number| match number {
        Number::Expression(expression) => Some(expression),
        Number::Column(_) => None,
    });
    let predicates = plan.predicates.iter().chain(&plan.labels);
    let names = predicates
        .flat_map(|predicate| predicate.inputs())
        .chain(expressions.flat_map(|expression| expression.inputs()));
    let of_joined = |name: &str| catalog.joined().iter().find(|s| *s.name == *name);
    for name in names {
        match Column::from_name(name) {
            Some(column) => columns.push(column),
            None => joined.extend(of_joined(name).cloned()),
        }
    }
    let cohorts = catalog
        .features()
        .iter()
        .filter_map(|f| f.shrinkage.as_ref());
    let sources = catalog.features().iter().flat_map(|spec| &spec.columns);
    for source in sources.chain(cohorts.flat_map(|shrinkage| &shrinkage.cohort)) {
        match source.column {
            Some(column) => columns.push(column),
            None => joined.push(source.clone()),
        }
    }
    columns.sort_unstable();
    columns.dedup();
    joined.sort_by(|a, b| a.name.cmp(&b.name));
    joined.dedup_by(|a, b| a.name == b.name);
    plan.columns = columns;
    plan.joined = joined;
}

fn op(plan: &mut Plan, spec: &FeatureSpec) -> Op {
    use Aggregate as A;
    match spec.aggregate {
        A::Value => Op::Value {
            number: number(plan, spec, 0),
        },
        A::TimeSinceLast => {
            let bit = counted(plan, spec);
            Op::Since {
                slot: since(plan, bit),
            }
        }
        A::Count => count_op(plan, spec),
        A::Sum | A::Mean => sum_op(plan, spec),
        A::Stddev => stddev_op(plan, spec),
        A::Ratio => ratio_op(plan, spec),
        A::Min | A::Max => extreme_op(plan, spec),
        A::First | A::Last => edge_op(plan, spec),
        A::Distinct | A::Entropy | A::Repeats => values_op(plan, spec),
        A::Quantile | A::RobustZ => ranks_op(plan, spec),
        A::InterArrivalMean | A::InterArrivalCv => inter_arrival_op(plan, spec),
        A::EwmaMean => ewma_op(plan, spec, MemoryRead::EwmaMean),
        A::EwmaStddev => ewma_op(plan, spec, MemoryRead::EwmaStddev),
        A::EwmaZ => ewma_op(plan, spec, MemoryRead::EwmaZ),
        A::HourOfWeekRate => profile_op(plan, spec),
        A::DistanceKm => place_op(plan, spec, MemoryRead::DistanceKm),
        A::SpeedKmh => place_op(plan, spec, MemoryRead::SpeedKmh),
        A::Changed => Op::Memory {
            slot: change(plan, spec),
            read: MemoryRead::Changed,
        },
        A::Changes => {
            let slot = change(plan, spec);
            event_op(plan, spec, slot, EventKind::Change)
        }
        A::SequenceGap => Op::Memory {
            slot: sequence(plan, spec),
            read: MemoryRead::Gap,
        },
        A::SequenceDuplicates => sequence_op(plan, spec, EventKind::Duplicate),
        A::SequenceRegressions => sequence_op(plan, spec, EventKind::Regression),
        A::SequenceForks => sequence_op(plan, spec, EventKind::Fork),
    }
}

// ---- totals --------------------------------------------------------------------------------------

fn count_op(plan: &mut Plan, spec: &FeatureSpec) -> Op {
    let bit = counted(plan, spec);
    let source = count(plan, bit);
    let window = window(plan, spec, source);
    Op::Count {
        window,
        count: part(plan, spec, window, source),
    }
}

fn sum_op(plan: &mut Plan, spec: &FeatureSpec) -> Op {
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

fn stddev_op(plan: &mut Plan, spec: &FeatureSpec) -> Op {
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

fn ratio_op(plan: &mut Plan, spec: &FeatureSpec) -> Op {
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
fn part(plan: &mut Plan, spec: &FeatureSpec, window: Window, source: CountSource) -> Part {
    match label(plan, spec) {
        None => Part::Counted(source),
        Some(bit) => Part::Labelled(labelled(plan, window, bit, source, None)),
    }
}

fn labelled(
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
fn label(plan: &mut Plan, spec: &FeatureSpec) -> Option<u32> {
    let predicate = spec.label.as_ref()?;
    intern(&mut plan.layout.raws, RawField::Id);
    intern(&mut plan.layout.raws, RawField::Labels);
    Some(predicate_id(&mut plan.labels, predicate) as u32)
}

// ---- single records --------------------------------------------------------------------------------

fn extreme_op(plan: &mut Plan, spec: &FeatureSpec) -> Op {
    let bit = counted(plan, spec);
    let source = newest_count(plan, spec, bit);
    let window = window(plan, spec, source);
    let is_integer = column_of(spec).is_some_and(|c| c.kind == ColumnType::Int64);
    let value = if is_integer {
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
    let queue = shared.unwrap_or_else(|| {
        plan.extremes.push(wanted);
        plan.extremes.len() - 1
    });
    Op::Extreme { window, queue }
}

fn edge_op(plan: &mut Plan, spec: &FeatureSpec) -> Op {
    let bit = counted(plan, spec);
    let number = number(plan, spec, 0);
    let word = raw(plan, RawField::Float { bit, number });
    let count = known_count(plan, spec, bit);
    Op::Edge {
        window: window(plan, spec, count),
        raw: word,
        count,
        is_last: spec.aggregate == Aggregate::Last,
    }
}

fn values_op(plan: &mut Plan, spec: &FeatureSpec) -> Op {
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
    let slot = holding_slot(plan, window, holding, raw);
    Op::Held { window, slot, read }
}

fn ranks_op(plan: &mut Plan, spec: &FeatureSpec) -> Op {
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
        return Op::Decayed { slot, read };
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
    Op::Held { window, slot, read }
}

fn holding_slot(plan: &mut Plan, window: Window, holding: Holding, raw: usize) -> usize {
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

fn inter_arrival_op(plan: &mut Plan, spec: &FeatureSpec) -> Op {
    let bit = counted(plan, spec);
    let count = count(plan, bit);
    let since = since(plan, bit);
    let index = intern(&mut plan.layout.gaps, GapField { count, since });
    Op::InterArrival {
        window: window(plan, spec, count),
        gaps: plan.layout.gaps_at + 4 * index,
        count,
        is_cv: spec.aggregate == Aggregate::InterArrivalCv,
    }
}

// ---- memories --------------------------------------------------------------------------------------

fn ewma_op(plan: &mut Plan, spec: &FeatureSpec, read: MemoryRead) -> Op {
    let memory = Memory::Ewma {
        spec: EwmaSpec {
            half_life: HalfLife::new(spec.half_life_ms),
        },
        number: number(plan, spec, 0),
    };
    Op::Memory {
        slot: memory_slot(plan, spec, memory),
        read,
    }
}

fn profile_op(plan: &mut Plan, spec: &FeatureSpec) -> Op {
    let profile = ProfileSpec {
        half_life: HalfLife::new(spec.half_life_ms),
    };
    Op::Memory {
        slot: memory_slot(plan, spec, Memory::Profile { spec: profile }),
        read: MemoryRead::Rate,
    }
}

fn place_op(plan: &mut Plan, spec: &FeatureSpec, read: MemoryRead) -> Op {
    let memory = Memory::Place {
        lat: number(plan, spec, 0),
        lon: number(plan, spec, 1),
    };
    Op::Memory {
        slot: memory_slot(plan, spec, memory),
        read,
    }
}

fn change(plan: &mut Plan, spec: &FeatureSpec) -> usize {
    let hash = intern(&mut plan.hashes, spec.columns.clone());
    memory_slot(plan, spec, Memory::Change { hash })
}

fn sequence(plan: &mut Plan, spec: &FeatureSpec) -> usize {
    let memory = Memory::Sequence {
        spec: SequenceSpec::new(spec.wrap),
        number: number(plan, spec, 0),
    };
    memory_slot(plan, spec, memory)
}

fn sequence_op(plan: &mut Plan, spec: &FeatureSpec, kind: EventKind) -> Op {
    let slot = sequence(plan, spec);
    event_op(plan, spec, slot, kind)
}

fn event_op(plan: &mut Plan, spec: &FeatureSpec, memory: usize, kind: EventKind) -> Op {
    let event = intern(&mut plan.events, EventSpec { memory, kind });
    let source = CountSource::Word(count_word(plan, CountField::Event(event)));
    Op::Count {
        window: window(plan, spec, source),
        count: Part::Counted(source),
    }
}

fn memory_slot(plan: &mut Plan, spec: &FeatureSpec, memory: Memory) -> usize {
    let bit = counted(plan, spec);
    intern(&mut plan.memories, MemorySpec { bit, memory })
}

// ---- shared parts ----------------------------------------------------------------------------------

fn window(plan: &mut Plan, spec: &FeatureSpec, counted: CountSource) -> Window {
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
fn counted(plan: &mut Plan, spec: &FeatureSpec) -> BitId {
    bit(plan, spec, &[&spec.filter], &spec.columns)
}

fn bit(
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

fn predicate_id(known: &mut Vec<Arc<Predicate>>, predicate: &Arc<Predicate>) -> usize {
    let canonical = predicate.canonical();
    let same = known.iter().position(|p| p.canonical() == canonical);
    same.unwrap_or_else(|| {
        known.push(Arc::clone(predicate));
        known.len() - 1
    })
}

fn since(plan: &mut Plan, bit: BitId) -> usize {
    let count = count(plan, bit);
    intern(&mut plan.sinces, SinceSpec { bit, count })
}

fn count(plan: &mut Plan, bit: BitId) -> CountSource {
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
/// has one is known only when it is there.
fn known_count(plan: &mut Plan, spec: &FeatureSpec, bit: BitId) -> CountSource {
    if spec.expression.is_none() {
        return count(plan, bit);
    }
    let number = number(plan, spec, 0);
    CountSource::Word(count_word(plan, CountField::Known { bit, number }))
}

/// What `last` counts by; where all records of the window are taken, nothing is.
fn newest_count(plan: &mut Plan, spec: &FeatureSpec, bit: BitId) -> CountSource {
    match spec.last {
        0 => CountSource::Rows,
        _ => known_count(plan, spec, bit),
    }
}

fn count_word(plan: &mut Plan, field: CountField) -> usize {
    Layout::COUNTS_AT + intern(&mut plan.layout.counts, field)
}

fn column_of(spec: &FeatureSpec) -> Option<&Source> {
    spec.columns.first()
}

/// The column of an aggregate that has one, as the catalog has checked.
fn column(spec: &FeatureSpec) -> Source {
    debug_assert!(!spec.columns.is_empty());
    column_of(spec)
        .cloned()
        .unwrap_or_else(|| Source::event(Column::AmountMinor))
}

fn sum(plan: &mut Plan, bit: BitId, spec: &FeatureSpec) -> usize {
    let field = NumberField {
        bit,
        source: column(spec),
    };
    plan.layout.sums_at + 2 * intern(&mut plan.layout.sums, field)
}

fn raw(plan: &mut Plan, field: RawField) -> usize {
    let index = intern(&mut plan.layout.raws, field);
    plan.layout.raw_at(index)
}

/// The expression of a feature, or its column at `index`.
fn number(plan: &mut Plan, spec: &FeatureSpec, index: usize) -> NumberId {
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

/// Index of `item` in `list`, where it is put if it is not there.
fn intern<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter()
        .position(|known| *known == item)
        .unwrap_or_else(|| {
            list.push(item);
            list.len() - 1
        })
}
