//! A feature of a catalog, and what its aggregate may be told.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use tillwatch_predicate::{Expression, Predicate};
use tillwatch_records::RecordKind;

use super::entry::Entry;
use super::input::InputColumn;
use super::takes::{Span, Takes};

/// What a feature computes. `docs/catalog.md` defines each.
#[derive(Clone, Copy)]
pub struct Aggregate(&'static Signature);

/// What a catalog may say of an aggregate.
#[derive(Debug)]
pub(crate) struct Signature {
    /// The name in a catalog.
    pub(crate) name: &'static str,
    /// Which columns it reads.
    pub(crate) takes: Takes,
    /// Over which records it is taken.
    pub(crate) span: Span,
    /// Those of [`OWN_KEYS`] that it takes.
    pub(crate) keys: &'static [&'static str],
    /// Checks what only this aggregate can, and fills in what it assumes where the entry says nothing.
    pub(crate) check: fn(&Entry, &mut FeatureSpec) -> Result<(), String>,
}

/// Keys that only the aggregates that name them take.
const OWN_KEYS: [&str; 11] = [
    "base",
    "label",
    "resolution",
    "last",
    "half_life",
    "quantile",
    "scale",
    "strength",
    "prior",
    "cohort",
    "wrap",
];

/// One feature, validated. A `[[feature]]` with several windows becomes several of these.
#[derive(Debug, Clone)]
pub struct FeatureSpec {
    /// Column name in the output, unique in the catalog.
    pub name: String,
    /// What is computed.
    pub aggregate: Aggregate,
    /// Columns it is computed over; their types fit the aggregate.
    pub columns: Vec<InputColumn>,
    /// The number of a `value` feature, or in place of a column.
    pub expression: Option<Arc<Expression>>,
    /// Which records count; all when absent.
    pub filter: Option<Arc<Predicate>>,
    /// Which records a ratio is over; all when absent.
    pub base: Option<Arc<Predicate>>,
    /// Only records whose latest label satisfies this count.
    pub label: Option<Arc<Predicate>>,
    /// Length of the window in milliseconds, at least 1; 0 when there is none.
    pub window_ms: i64,
    /// The window as written, empty when there is none.
    pub window_text: String,
    /// How far before the record the window ends, in milliseconds, not negative.
    pub delay_ms: i64,
    /// What the start of the window is rounded down to, in milliseconds; 0 for an exact window.
    pub resolution_ms: i64,
    /// Only so many of the newest records of the window count; 0 for all.
    pub last: u32,
    /// Age at which a record counts half, in milliseconds; 0 when records do not age.
    pub half_life_ms: i64,
    /// Whether the record itself is left out.
    pub exclude_current: bool,
    /// The kind of record that is folded.
    pub record_type: RecordKind,
    /// Rank of a quantile, 0 to 1.
    pub quantile: f64,
    /// Whether deviations are those of the logarithm.
    pub is_log: bool,
    /// What a ratio is drawn to while it has few records.
    pub shrinkage: Option<Shrinkage>,
    /// Number of sequence numbers before they start again.
    pub wrap: i64,
    /// What the value is divided by in the end: 100 makes major units of minor ones.
    pub divisor: Option<f64>,
    /// What a person reads.
    pub description: String,
    /// Unit of the value, for people.
    pub unit: String,
}

/// What a ratio is drawn to: (part + strength · prior) / (whole + strength).
#[derive(Debug, Clone, PartialEq)]
pub struct Shrinkage {
    /// Weight of the prior in records, positive.
    pub strength: f64,
    /// Ratio that is assumed where nothing is known, 0 to 1.
    pub prior: f64,
    /// Columns that name the cohort whose ratio takes the place of the prior; none for no cohort.
    pub cohort: Vec<InputColumn>,
}

impl Aggregate {
    pub(crate) const fn new(signature: &'static Signature) -> Self {
        Self(signature)
    }

    /// The name in a catalog.
    pub fn as_str(self) -> &'static str {
        self.0.name
    }

    /// What a catalog may say of it.
    pub(crate) fn signature(self) -> &'static Signature {
        self.0
    }

    /// Whether it takes the key.
    pub(crate) fn takes_key(self, key: &str) -> bool {
        let signature = self.0;
        match key {
            "window" | "delay" | "exclude_current" => {
                matches!(signature.span, Span::Window | Span::WindowOrMemory)
            }
            "filter" | "record_type" => signature.takes != Takes::Expression,
            _ if OWN_KEYS.contains(&key) => signature.keys.contains(&key),
            _ => true,
        }
    }

    /// What takes the place of a `resolution` where a window needs its records one by one; nothing for
    /// an aggregate that has a resolution, or no window.
    pub(super) fn instead_of_resolution(self) -> Option<&'static str> {
        match self.0.span {
            Span::WindowOrMemory => {
                Some("remove it and give a `half_life` in place of the window, or a shorter window")
            }
            Span::Window if !self.takes_key("resolution") => {
                Some("remove it and give a shorter window")
            }
            _ => None,
        }
    }
}

impl PartialEq for Aggregate {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Aggregate {}

impl fmt::Debug for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl Signature {
    /// Nothing to check, and nothing assumed.
    pub(crate) fn no_check(_: &Entry, _: &mut FeatureSpec) -> Result<(), String> {
        Ok(())
    }
}

impl FeatureSpec {
    /// Everything that decides the value, unambiguously. What has its default is left out, so that a
    /// catalog keeps its version when there is more that could be said.
    pub(crate) fn canonical(&self) -> String {
        let columns = |columns: &[InputColumn]| -> Vec<String> {
            columns.iter().map(|input| input.name.to_string()).collect()
        };
        let predicate = |p: &Option<Arc<Predicate>>| p.as_ref().map(|p| p.canonical());
        let mut text = format!(
            "{:?} {} {:?} {:?} {:?} {:?} {} {} {} {}",
            self.name,
            self.aggregate.as_str(),
            columns(&self.columns),
            predicate(&self.filter),
            predicate(&self.base),
            self.expression.as_ref().map(|e| e.canonical()),
            self.window_ms,
            self.delay_ms,
            self.exclude_current,
            self.record_type,
        );
        let mut say = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                // Writing to a string cannot fail.
                let _ = write!(text, " {key}={value}");
            }
        };
        let number = |value: i64| (value != 0).then(|| value.to_string());
        say("label", predicate(&self.label).map(|p| format!("{p:?}")));
        say("resolution", number(self.resolution_ms));
        say("last", number(i64::from(self.last)));
        say("half_life", number(self.half_life_ms));
        let has_rank = self.aggregate.takes_key("quantile");
        say("quantile", has_rank.then(|| self.quantile.to_string()));
        say("scale", self.is_log.then(|| "log".to_owned()));
        say("wrap", number(self.wrap));
        say("divisor", self.divisor.map(|divisor| divisor.to_string()));
        let shrinkage = self.shrinkage.as_ref();
        say(
            "shrinkage",
            shrinkage.map(|s| format!("{} {} {:?}", s.strength, s.prior, columns(&s.cohort))),
        );
        text
    }
}
