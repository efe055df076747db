//! What the parts of a plan mean, each as a number that depends on nothing else: not on the place of the
//! part, nor on the features that use it.

use std::collections::BTreeMap;
use std::fmt::Debug;

use tillwatch_predicate::{Expression, Predicate};
use tillwatch_records::Column;
use twox_hash::XxHash3_64;

use super::compiled::{Number, Plan};
use super::ids::{BitId, FieldId, NumberId};
use super::layout::{CountField, Factor, GapField, RawField, Term};
use super::spec::{
    Bit, Bound, CohortSpec, DecayedSpec, ExtremeValue, Lasting, Memory, MemorySpec, Needed,
    SinceSpec,
};
use crate::catalog::InputColumn;

/// What joined columns mean that an earlier stage makes, by name.
pub(crate) type Origins = BTreeMap<String, u64>;

/// Tells what parts of a plan mean.
pub(crate) struct Identities<'a> {
    plan: &'a Plan,
    origins: &'a Origins,
}

impl<'a> Identities<'a> {
    /// Of the parts of `plan`.
    pub(crate) fn new(plan: &'a Plan, origins: &'a Origins) -> Self {
        Self { plan, origins }
    }

    pub(super) fn count(&self, field: CountField) -> u64 {
        hash(&self.count_text(field))
    }

    /// Of the count of all records of a kind.
    pub(crate) fn count_of_all(&self) -> Option<u64> {
        let kind = *self.plan.kinds.first()?;
        let all = Bit {
            kind,
            predicates: Vec::new(),
            not_null: Vec::new(),
        };
        Some(hash(&("bit", self.bit_text(&all))))
    }

    pub(super) fn term(&self, term: &Term) -> u64 {
        let Term {
            bit,
            factor,
            times,
            known,
        } = term;
        let times = times.as_ref().map(|times| self.factor(times));
        let known = known.map(|number| self.number(number));
        hash(&(self.bit(*bit), self.factor(factor), times, known))
    }

    pub(super) fn gap(&self, field: &GapField) -> u64 {
        hash(&self.bit(self.plan.sinces[field.since].bit))
    }

    pub(super) fn raw(&self, field: &RawField) -> u64 {
        hash(&match field {
            RawField::Hash { bit, inputs } => {
                format!("hash {} {:?}", self.bit(*bit), self.all(inputs))
            }
            RawField::Float { bit, number } => {
                format!("float {} {}", self.bit(*bit), self.number(*number))
            }
            RawField::Bucket {
                bit,
                number,
                is_log,
            } => format!(
                "bucket {} {} {is_log}",
                self.bit(*bit),
                self.number(*number)
            ),
            RawField::Id => "id".to_owned(),
            // Its bits are told apart by the predicates.
            RawField::Labels => "labels".to_owned(),
        })
    }

    pub(super) fn since(&self, since: &SinceSpec) -> u64 {
        hash(&self.bit(since.bit))
    }

    pub(super) fn memory(&self, spec: &MemorySpec) -> u64 {
        let memory = match spec.memory {
            Memory::Ewma { spec, number } => format!("ewma {spec:?} {}", self.number(number)),
            Memory::Profile { spec } => format!("profile {spec:?}"),
            Memory::Place { lat, lon } => {
                format!("place {} {}", self.number(lat), self.number(lon))
            }
            Memory::Change { hash } => format!("change {:?}", self.all(&self.plan.hashes[hash])),
            Memory::Sequence { spec, number } => {
                format!("sequence {spec:?} {}", self.number(number))
            }
        };
        hash(&(self.bit(spec.bit), memory))
    }

    pub(super) fn decayed(&self, spec: &DecayedSpec) -> u64 {
        let DecayedSpec {
            bit,
            number,
            is_log,
            half_life,
        } = *spec;
        hash(&(self.bit(bit), self.number(number), is_log, half_life))
    }

    pub(super) fn cohort(&self, spec: &CohortSpec) -> u64 {
        let CohortSpec {
            hash: columns,
            part,
            base,
            half_life,
        } = *spec;
        let columns = self.all(&self.plan.hashes[columns]);
        hash(&(columns, self.bit(part), self.bit(base), half_life))
    }

    pub(super) fn label(&self, predicate: &Predicate) -> u64 {
        hash(&self.predicate(predicate))
    }

    pub(super) fn lasting(&self, lasting: &Lasting) -> u64 {
        let of_raw = |at: usize| self.plan.raw_field(at).map(|field| self.raw(field));
        let needed = match lasting.needed {
            Needed::Values { raw } => ("values", of_raw(raw), false),
            Needed::Extreme { queue } => {
                let spec = &self.plan.extremes[queue];
                let raw = match spec.value {
                    ExtremeValue::Float { raw } => of_raw(raw),
                    // Windows with a resolution have no queue of integers.
                    ExtremeValue::Integer { .. } => None,
                };
                ("extreme", raw, spec.smallest)
            }
        };
        hash(&(self.bound(lasting.bound), needed))
    }

    /// Of each field of each window with a resolution, with where that begins.
    pub(super) fn panes(&self) -> Vec<u64> {
        let mut panes: Vec<u64> = Vec::new();
        for made in &self.plan.made {
            if let Some(window) = made.uses.window {
                let fields = made.uses.fields.iter();
                panes.extend(fields.filter_map(|field| self.pane(*field, window.start)));
            }
        }
        panes.sort_unstable();
        panes.dedup();
        panes
    }

    /// Of a field of a window that begins at `bound`, where that has a resolution.
    pub(crate) fn pane(&self, field: FieldId, bound: usize) -> Option<u64> {
        let has_panes = self.plan.bounds[bound].resolution_ms > 0;
        has_panes.then(|| hash(&(self.field(field), self.bound(bound))))
    }

    /// Of a field of a row.
    fn field(&self, field: FieldId) -> (u8, u64) {
        let layout = &self.plan.layout;
        match field {
            FieldId::Count(index) => (0, self.count(layout.counts[index])),
            FieldId::Sum(index) => (1, self.term(&layout.sums[index])),
            FieldId::Square(index) => (2, self.term(&layout.squares[index])),
            FieldId::Wide(index) => (3, self.term(&layout.wide[index])),
            FieldId::Gap(index) => (4, self.gap(&layout.gaps[index])),
            FieldId::Raw(index) => (5, self.raw(&layout.raws[index])),
        }
    }

    fn bound(&self, bound: usize) -> Bound {
        self.plan.bounds[bound]
    }

    fn count_text(&self, field: CountField) -> (&'static str, String) {
        match field {
            CountField::Bit(bit) => ("bit", self.bit(bit)),
            CountField::Known {
                bit,
                number,
                is_log,
            } => (
                "known",
                format!("{} {} {is_log}", self.bit(bit), self.number(number)),
            ),
            CountField::Fixed { bit, number } => (
                "fixed",
                format!("{} {}", self.bit(bit), self.number(number)),
            ),
            CountField::Event(event) => {
                let spec = self.plan.events[event];
                let memory = self.memory(&self.plan.memories[spec.memory]);
                ("event", format!("{:?} {memory}", spec.kind))
            }
            CountField::Reused(bit) => ("reused", self.bit(bit)),
        }
    }

    fn factor(&self, factor: &Factor) -> String {
        match factor {
            Factor::Column(input) => format!("column {}", self.column(input)),
            Factor::Fixed(number) => format!("fixed {}", self.number(*number)),
            Factor::Time => "time".to_owned(),
        }
    }

    fn bit(&self, bit: BitId) -> String {
        self.bit_text(&self.plan.bits[bit])
    }

    fn bit_text(&self, bit: &Bit) -> String {
        let Bit {
            kind,
            predicates,
            not_null,
        } = bit;
        let predicates = predicates.iter().map(|id| &self.plan.predicates[*id]);
        let mut predicates: Vec<String> = predicates.map(|p| self.predicate(p)).collect();
        predicates.sort_unstable();
        format!("{kind:?} {predicates:?} {:?}", self.all(not_null))
    }

    fn number(&self, number: NumberId) -> String {
        match &self.plan.numbers[number] {
            Number::Column(input) => format!("column {}", self.column(input)),
            Number::Expression(expression) => self.expression(expression),
        }
    }

    fn expression(&self, expression: &Expression) -> String {
        let read = self.names(expression.inputs());
        format!("expression {:?} {read:?}", expression.canonical())
    }

    fn predicate(&self, predicate: &Predicate) -> String {
        let read = self.names(predicate.inputs());
        format!("{:?} {read:?}", predicate.canonical())
    }

    fn all(&self, inputs: &[InputColumn]) -> Vec<String> {
        inputs.iter().map(|input| self.column(input)).collect()
    }

    fn column(&self, input: &InputColumn) -> String {
        self.names(std::slice::from_ref(&input.name)).concat()
    }

    /// What columns mean besides their names: those of a record their name, others their type, and what
    /// made them.
    fn names(&self, names: &[impl AsRef<str>]) -> Vec<String> {
        let name = |name: &str| {
            if Column::from_name(name).is_some() {
                return name.to_owned();
            }
            let joined = self.plan.joined.iter().find(|input| *input.name == *name);
            let kind = joined.map(|input| input.kind);
            format!("{name:?} {kind:?} {:?}", self.origins.get(name))
        };
        names.iter().map(|known| name(known.as_ref())).collect()
    }
}

/// The hash of what is written of `what`.
fn hash(what: &impl Debug) -> u64 {
    XxHash3_64::oneshot(format!("{what:?}").as_bytes())
}
