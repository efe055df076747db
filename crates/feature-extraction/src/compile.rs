//! The rounds of a compilation: fields are collected, placed, and read.

mod whole;

use tillwatch_predicate::{Expression, Predicate, PredicateSet};
use tillwatch_records::{Column, RecordKind};

use self::whole::wholeness;
use crate::aggregates::definition_of;
use crate::catalog::{Catalog, FeatureSpec, InputColumn};
use crate::error::FeatureError;
use crate::identity::IdHasher;
use crate::parts::Parts;
use crate::plan::ids::intern;
use crate::plan::{
    Bound, End, FeatureInfo, LABELS_MAX, Layout, Made, Number, Plan, RawField, Reads, Wholeness,
};
use crate::settings::EngineSettings;
use crate::state::ids_max;

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
    let mut parts = Parts::new(empty(catalog, settings));
    // The place of a field in a row depends on how many fields there are, so the first round only
    // collects fields.
    round(&mut parts, catalog)?;
    parts.plan.layout.settle();
    parts.plan.extremes.clear();
    parts.plan.holdings.clear();
    parts.plan.lasting.clear();
    parts.plan.labelled.clear();
    parts.plan.reads = Reads::default();
    let made = round(&mut parts, catalog)?;
    let mut plan = parts.plan;
    let made_of = |(feature, made): (usize, &Made)| made.column.may_overflow().then_some(feature);
    plan.products = made.iter().enumerate().filter_map(made_of).collect();
    plan.made = made;
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
    plan.whole = wholeness(&plan);
    read_columns(&mut plan, catalog);
    prepare_inputs(&mut plan);
    Ok(plan)
}

/// Lets every feature ask for its parts.
fn round(parts: &mut Parts, catalog: &Catalog) -> Result<Vec<Made>, FeatureError> {
    let refused = |feature: &str, problem: String| FeatureError::Feature {
        feature: feature.to_owned(),
        problem,
    };
    let mut made = Vec::with_capacity(catalog.features().len());
    for spec in catalog.features() {
        let definition = definition_of(spec.aggregate).ok_or_else(|| {
            let problem = format!("unknown aggregate `{}`", spec.aggregate.as_str());
            refused(&spec.name, problem)
        })?;
        made.push(definition.made(parts, spec));
    }
    let labels = parts.plan.labels.len();
    if labels > LABELS_MAX {
        let problem = format!(
            "{labels} different labels, at most {LABELS_MAX} are allowed; split the catalog"
        );
        return Err(refused(catalog.name(), problem));
    }
    Ok(made)
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
        RawField::Hash { inputs, .. } => Some(intern(hashes, inputs.clone())),
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
        definitions: catalog
            .features()
            .iter()
            .map(FeatureSpec::canonical)
            .collect(),
        schema: Plan::schema_of(&features),
        features,
        settings: settings.clone(),
        ids: IdHasher::new(settings.id_secret.as_ref()),
        ids_max: ids_max(settings.state.max_bytes.0),
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
        reads: Reads::default(),
        made: Vec::new(),
        products: Vec::new(),
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
        whole: Wholeness::default(),
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
    let mut joined: Vec<InputColumn> = Vec::new();
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
    let inputs = catalog.features().iter().flat_map(|spec| &spec.columns);
    for input in inputs.chain(cohorts.flat_map(|shrinkage| &shrinkage.cohort)) {
        match input.column {
            Some(column) => columns.push(column),
            None => joined.push(input.clone()),
        }
    }
    columns.sort_unstable();
    columns.dedup();
    joined.sort_by(|a, b| a.name.cmp(&b.name));
    joined.dedup_by(|a, b| a.name == b.name);
    plan.columns = columns;
    plan.joined = joined;
}
