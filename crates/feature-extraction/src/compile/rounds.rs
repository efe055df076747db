//! The rounds of a compilation: fields are collected, placed, and read.

use tillwatch_predicate::{Expression, Predicate, PredicateSet};
use tillwatch_records::{Column, RecordKind};

use super::memory::{change, event_op, ewma_op, place_op, profile_op, sequence, sequence_op};
use super::windowed::{
    count_op, edge_op, extreme_op, inter_arrival_op, ranks_op, ratio_op, stddev_op, sum_op,
    values_op,
};
use crate::catalog::{Aggregate, Catalog, FeatureSpec, Source};
use crate::error::FeatureError;
use crate::plan::ids::intern;
use crate::plan::parts::{counted, number, since};
use crate::plan::{
    Bound, End, EventKind, FeatureInfo, LABELS_MAX, Layout, MemoryRead, Number, Op, Plan, RawField,
    Reads, Single,
};
use crate::settings::EngineSettings;

impl Plan {
    /// Compiles `catalog` for an engine with `settings`.
    ///
    /// # Errors
    /// A setting is out of range, or the catalog asks for more than a plan can hold.
    pub fn compile(catalog: &Catalog, settings: &EngineSettings) -> Result<Self, FeatureError> {
        settings.validate()?;
        compile(catalog, settings)
    }
}

fn compile(catalog: &Catalog, settings: &EngineSettings) -> Result<Plan, FeatureError> {
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
    plan.lasting.clear();
    plan.labelled.clear();
    for spec in catalog.features() {
        let op = op(&mut plan, spec);
        plan.ops.push(op);
    }
    plan.reads = Reads::of(&plan);
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
    prepare_inputs(&mut plan);
    Ok(plan)
}

/// Notes what is found out about the records of a batch before any state is touched.
fn prepare_inputs(plan: &mut Plan) {
    let predicates: Vec<&Predicate> = plan.predicates.iter().map(AsRef::as_ref).collect();
    let labels: Vec<&Predicate> = plan.labels.iter().map(AsRef::as_ref).collect();
    let expressions: Vec<&Expression> = expressions(plan).collect();
    let label_filters = PredicateSet::new(&labels, &[]);
    plan.filters = PredicateSet::new(&predicates, &expressions);
    plan.label_filters = label_filters;
    let (raws, hashes) = (&plan.layout.raws, &mut plan.hashes);
    let hash = |raw: &RawField| match raw {
        RawField::Hash { sources, .. } => Some(intern(hashes, sources.clone())),
        _ => None,
    };
    plan.raw_hashes = raws.iter().map(hash).collect();
}

/// The expressions among the numbers.
fn expressions(plan: &Plan) -> impl Iterator<Item = &Expression> {
    plan.numbers.iter().filter_map(|number| match number {
        Number::Expression(expression) => Some(&**expression),
        Number::Column(_) => None,
    })
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
        filters: PredicateSet::default(),
        label_filters: PredicateSet::default(),
        hashes: Vec::new(),
        raw_hashes: Vec::new(),
        bits: Vec::new(),
        layout: Layout::default(),
        bounds: vec![Bound {
            before_ms: 0,
            resolution_ms: 0,
        }],
        ends: vec![End {
            bound: 0,
            with_current: true,
        }],
        extremes: Vec::new(),
        holdings: Vec::new(),
        lasting: Vec::new(),
        labelled: Vec::new(),
        sinces: Vec::new(),
        memories: Vec::new(),
        memories_at: Vec::new(),
        events: Vec::new(),
        decayed: Vec::new(),
        cohorts: Vec::new(),
        label_words: None,
        ops: Vec::new(),
        reads: Reads::default(),
        divisors: catalog
            .features()
            .iter()
            .enumerate()
            .filter_map(|(feature, spec)| Some((feature, spec.divisor?)))
            .collect(),
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
    let predicates = plan.predicates.iter().chain(&plan.labels);
    let names = predicates
        .flat_map(|predicate| predicate.inputs())
        .chain(expressions(plan).flat_map(Expression::inputs));
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
            Op::Single(Single::Since {
                slot: since(plan, bit),
            })
        }
        A::Count => count_op(plan, spec),
        A::Sum | A::Mean => sum_op(plan, spec),
        A::Stddev => stddev_op(plan, spec),
        A::Ratio => ratio_op(plan, spec),
        A::Min | A::Max => Op::Single(extreme_op(plan, spec)),
        A::First | A::Last => Op::Single(edge_op(plan, spec)),
        A::Distinct | A::Entropy | A::Repeats => Op::Single(values_op(plan, spec)),
        A::Quantile | A::RobustZ => Op::Single(ranks_op(plan, spec)),
        A::InterArrivalMean | A::InterArrivalCv => Op::Single(inter_arrival_op(plan, spec)),
        A::EwmaMean => Op::Single(ewma_op(plan, spec, MemoryRead::EwmaMean)),
        A::EwmaStddev => Op::Single(ewma_op(plan, spec, MemoryRead::EwmaStddev)),
        A::EwmaZ => Op::Single(ewma_op(plan, spec, MemoryRead::EwmaZ)),
        A::HourOfWeekRate => Op::Single(profile_op(plan, spec)),
        A::DistanceKm => Op::Single(place_op(plan, spec, MemoryRead::DistanceKm)),
        A::SpeedKmh => Op::Single(place_op(plan, spec, MemoryRead::SpeedKmh)),
        A::Changed => Op::Single(Single::Memory {
            slot: change(plan, spec),
            read: MemoryRead::Changed,
        }),
        A::Changes => {
            let slot = change(plan, spec);
            event_op(plan, spec, slot, EventKind::Change)
        }
        A::SequenceGap => Op::Single(Single::Memory {
            slot: sequence(plan, spec),
            read: MemoryRead::Gap,
        }),
        A::SequenceDuplicates => sequence_op(plan, spec, EventKind::Duplicate),
        A::SequenceRegressions => sequence_op(plan, spec, EventKind::Regression),
        A::SequenceForks => sequence_op(plan, spec, EventKind::Fork),
    }
}
