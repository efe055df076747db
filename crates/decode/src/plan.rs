//! Settings, checked once and resolved to slots and buffers.

use std::collections::BTreeMap;
use std::sync::Arc;

use tillwatch_records::column::ColumnType;
use tillwatch_records::suggest::did_you_mean;
use tillwatch_records::{Column, KeySpec, Projection, RecordKind};

use crate::error::DecodeError;
use crate::format::json::extract::{Token, TokenKind};
use crate::row::{Convert, KindPlan, Source, Step, check_constant};
use crate::sensitive::is_sensitive_name;
use crate::settings::{AmountUnit, Constant, DecodeSettings, FieldSource, TimeFormat};
use crate::tree::{FieldTree, PathError, split_path};

/// How records of a source become rows: settings, validated once. Shared by all lanes.
#[derive(Debug)]
pub struct DecodePlan {
    pub(crate) projection: Arc<Projection>,
    pub(crate) tree: FieldTree,
    /// Every column that is read: the projected ones in their order, then those that are only
    /// needed to decide about a record. One buffer each.
    pub(crate) columns: Vec<Column>,
    /// By [`RecordKind`].
    pub(crate) kinds: [KindPlan; RecordKind::ALL.len()],
    pub(crate) kind_rule: KindRule,
}

/// How the kind of a record is told.
#[derive(Debug)]
pub(crate) struct KindRule {
    /// Slot of the field that holds it.
    pub(crate) slot: Option<u16>,
    pub(crate) header: Option<String>,
    /// The site's words, then ours.
    words: Vec<(Box<[u8]>, RecordKind)>,
    topics: BTreeMap<String, RecordKind>,
    default: RecordKind,
}

impl KindRule {
    /// The kind that `word` stands for.
    pub(crate) fn of_word(&self, word: &[u8]) -> Option<RecordKind> {
        let found = self.words.iter().find(|(known, _)| **known == *word);
        found.map(|(_, kind)| *kind)
    }

    /// The kind of records of `topic` that do not tell it themselves.
    pub(crate) fn of_topic(&self, topic: &str) -> RecordKind {
        self.topics.get(topic).copied().unwrap_or(self.default)
    }

    fn may_be(&self, kind: RecordKind) -> bool {
        self.slot.is_some()
            || self.header.is_some()
            || self.default == kind
            || self.topics.values().any(|of_topic| *of_topic == kind)
    }
}

impl DecodePlan {
    /// Checks `settings` for building the columns of `projection` from records with entity key
    /// `key`.
    ///
    /// # Errors
    /// Names the first setting that cannot be followed, and what to write instead.
    pub fn new(
        settings: &DecodeSettings,
        projection: Arc<Projection>,
        key: &KeySpec,
    ) -> Result<Self, DecodeError> {
        let mut tree = FieldTree::new();
        let kind_rule = kind_rule(settings, &mut tree)?;
        let mapping = Mapping::new(settings)?;
        let columns = columns_read(&mapping, &projection, key, &kind_rule);
        let mut sources = Vec::with_capacity(columns.len());
        for column in &columns {
            sources.push(mapping.source(*column, &mut tree)?);
        }
        let builder = KindBuilder {
            mapping: &mapping,
            projection: &projection,
            key,
            columns: &columns,
            sources: &sources,
        };
        let [transaction, event, label] = RecordKind::ALL.map(|kind| builder.build(kind));
        Ok(Self {
            kinds: [transaction?, event?, label?],
            projection,
            tree,
            columns,
            kind_rule,
        })
    }

    /// The columns that the decoder builds.
    pub fn projection(&self) -> &Arc<Projection> {
        &self.projection
    }
}

fn kind_rule(settings: &DecodeSettings, tree: &mut FieldTree) -> Result<KindRule, DecodeError> {
    let rule = &settings.record_type;
    if rule.field.is_some() && rule.header.is_some() {
        return Err(DecodeError::TwoRecordTypeSources);
    }
    let slot = match &rule.field {
        Some(path) => Some(slot(tree, "record_type", path)?),
        None => None,
    };
    let sites = rule
        .values
        .iter()
        .map(|(word, kind)| (word.as_str(), *kind));
    let ours = RecordKind::ALL.map(|kind| (kind.as_str(), kind));
    Ok(KindRule {
        slot,
        header: rule.header.clone(),
        words: sites
            .chain(ours)
            .map(|(word, kind)| (word.as_bytes().into(), kind))
            .collect(),
        topics: rule.topics.clone(),
        default: rule.default,
    })
}

fn slot(tree: &mut FieldTree, column: &'static str, path: &str) -> Result<u16, DecodeError> {
    let bad = |problem| DecodeError::BadPath {
        column,
        path: path.to_owned(),
        problem,
    };
    let names = split_path(path).map_err(bad)?;
    if names.iter().any(|name| is_sensitive_name(name)) {
        return Err(DecodeError::Sensitive {
            column,
            path: path.to_owned(),
        });
    }
    tree.slot(&names).map_err(|error| match error {
        PathError::Conflict => DecodeError::PathConflict {
            path: path.to_owned(),
        },
        PathError::TooMany => bad("is one too many"),
    })
}

/// `[decode.fields]` and `[decode.units]` with the names resolved.
struct Mapping<'s> {
    fields: BTreeMap<Column, &'s FieldSource>,
    /// What the event id is joined from, if it is.
    derived: Vec<Column>,
    settings: &'s DecodeSettings,
}

impl<'s> Mapping<'s> {
    fn new(settings: &'s DecodeSettings) -> Result<Self, DecodeError> {
        let mut fields = BTreeMap::new();
        let mut derived = Vec::new();
        for (name, source) in &settings.fields {
            let column = column_called(name)?;
            let refused = |problem| DecodeError::NotMappable {
                column: column.name(),
                problem,
            };
            match (column, source) {
                (Column::IngestTime, _) => {
                    return Err(refused(
                        "is the Kafka record timestamp; take it out of the mapping",
                    ));
                }
                (Column::EventId | Column::EventTime, FieldSource::Constant(_)) => {
                    return Err(refused("cannot be the same in every record"));
                }
                (Column::EventId, FieldSource::Derived(source)) => {
                    derived = derived_from(&source.from)?;
                }
                (_, FieldSource::Derived(_)) => {
                    return Err(refused("cannot be derived; only `event_id` can"));
                }
                _ => {}
            }
            fields.insert(column, source);
        }
        Ok(Self {
            fields,
            derived,
            settings,
        })
    }

    /// Where the values of `column` come from; `None` when not from the payload.
    fn source(&self, column: Column, tree: &mut FieldTree) -> Result<Option<Source>, DecodeError> {
        if column == Column::IngestTime {
            return Ok(None);
        }
        match self.fields.get(&column) {
            None => {
                let slot = tree.slot(&[column.name().to_owned()]);
                slot.map(|slot| Some(Source::Slot(slot)))
                    .map_err(|_| DecodeError::PathConflict {
                        path: column.name().to_owned(),
                    })
            }
            Some(FieldSource::Path(path)) => {
                slot(tree, column.name(), path).map(|slot| Some(Source::Slot(slot)))
            }
            Some(FieldSource::Constant(source)) => {
                let (kind, text) = match &source.constant {
                    Constant::Text(text) => (TokenKind::Text, text.clone()),
                    Constant::Integer(number) => (TokenKind::Number, number.to_string()),
                    Constant::Float(number) => (TokenKind::Number, number.to_string()),
                };
                Ok(Some(Source::Constant(
                    Token::whole(kind, text.len()),
                    text.into_bytes().into(),
                )))
            }
            Some(FieldSource::Derived(_)) => Ok(None),
        }
    }

    fn time_format(&self, column: Column) -> TimeFormat {
        let units = &self.settings.units;
        let own = match column {
            Column::MaintenanceStart => units.maintenance_start,
            Column::MaintenanceEnd => units.maintenance_end,
            Column::OccurredTime => units.occurred_time,
            Column::ReportedTime => units.reported_time,
            _ => None,
        };
        own.unwrap_or(units.event_time)
    }

    /// The unit of `column`, if it is an amount.
    fn amount_unit(&self, column: Column) -> Option<AmountUnit> {
        match column {
            Column::AmountMinor | Column::OtherAmountMinor => Some(self.settings.units.amount),
            Column::EmvAmountMinor => Some(self.settings.units.emv_amount),
            _ => None,
        }
    }

    fn is_mapped(&self, column: Column) -> bool {
        self.fields.contains_key(&column)
    }
}

fn column_called(name: &str) -> Result<Column, DecodeError> {
    Column::from_name(name).ok_or_else(|| DecodeError::UnknownColumn {
        name: name.to_owned(),
        hint: did_you_mean(name, Column::names()),
    })
}

fn derived_from(names: &[String]) -> Result<Vec<Column>, DecodeError> {
    let refused = |problem| DecodeError::NotMappable {
        column: Column::EventId.name(),
        problem,
    };
    let columns: Vec<Column> = names
        .iter()
        .map(|name| column_called(name))
        .collect::<Result<_, _>>()?;
    if columns.contains(&Column::EventId) || columns.contains(&Column::IngestTime) {
        return Err(refused(
            "cannot be derived from itself or from `ingest_time`, which changes when a record is sent again",
        ));
    }
    if columns
        .iter()
        .any(|column| column.kind() == ColumnType::Float64)
    {
        return Err(refused(
            "cannot be derived from a column of floating-point numbers",
        ));
    }
    let carried = |column: &Column| column.spec().carried_by.contains(&RecordKind::Transaction);
    if !columns.iter().any(carried) {
        return Err(refused(
            "must be derived from at least one column of transactions",
        ));
    }
    Ok(columns)
}

/// The projected columns in their order, then the others that decide about a record.
fn columns_read(
    mapping: &Mapping<'_>,
    projection: &Projection,
    key: &KeySpec,
    kind_rule: &KindRule,
) -> Vec<Column> {
    let mut columns = projection.columns().to_vec();
    let mut add = |column: Column| {
        if !columns.contains(&column) {
            columns.push(column);
        }
    };
    key.columns().iter().copied().for_each(&mut add);
    mapping.derived.iter().copied().for_each(&mut add);
    add(Column::EventId);
    add(Column::EventTime);
    for column in [Column::AmountMinor, Column::Currency] {
        if mapping.is_mapped(column) {
            add(column);
        }
    }
    if kind_rule.may_be(RecordKind::Label) {
        add(Column::OccurredTime);
        add(Column::ReportedTime);
    }
    let is_major = |column: &Column| mapping.amount_unit(*column) == Some(AmountUnit::Major);
    if columns.iter().any(is_major) && !columns.contains(&Column::Currency) {
        columns.push(Column::Currency);
    }
    columns
}

struct KindBuilder<'a> {
    mapping: &'a Mapping<'a>,
    projection: &'a Projection,
    key: &'a KeySpec,
    columns: &'a [Column],
    sources: &'a [Option<Source>],
}

impl KindBuilder<'_> {
    fn build(&self, kind: RecordKind) -> Result<KindPlan, DecodeError> {
        let carried = |column: Column| self.carries(kind, column);
        let mut steps = Vec::new();
        for (buffer, (column, source)) in self.columns.iter().zip(self.sources).enumerate() {
            // Any other column stays null.
            if let Some(source) = source
                && carried(*column)
            {
                steps.push(self.step(kind, buffer, *column, source)?);
            }
        }
        // An amount in major units looks at the currency of its row.
        steps.sort_by_key(|step| matches!(step.convert, Convert::Amount { .. }));
        let key_parts = self.key.columns().iter().copied().filter(|c| carried(*c));
        let event_id = self.buffer(Column::EventId);
        let derived = self.derived(kind);
        Ok(KindPlan {
            steps,
            derived,
            key_parts: key_parts.filter_map(|column| self.buffer(column)).collect(),
            event_id,
            event_time: self.buffer(Column::EventTime),
            ingest_time: self.buffer(Column::IngestTime),
            label_times: [Column::ReportedTime, Column::OccurredTime].map(|c| self.buffer(c)),
            is_label: kind == RecordKind::Label,
        })
    }

    /// Whether records of `kind` have `column`. A label has the whole key of its transaction, so that
    /// it comes to the same state.
    fn carries(&self, kind: RecordKind, column: Column) -> bool {
        let is_key = self.key.columns().contains(&column);
        column.spec().carried_by.contains(&kind) || (is_key && kind == RecordKind::Label)
    }

    fn step(
        &self,
        kind: RecordKind,
        buffer: usize,
        column: Column,
        source: &Source,
    ) -> Result<Step, DecodeError> {
        let convert = match (column.kind(), self.mapping.amount_unit(column)) {
            (ColumnType::Text, _) => Convert::Text {
                is_card: matches!(
                    column,
                    Column::CardToken | Column::Par | Column::Bin | Column::Last4 | Column::Psn
                ),
            },
            (ColumnType::Float64, _) => Convert::Degrees {
                max: if column == Column::Lat { 90.0 } else { 180.0 },
            },
            (ColumnType::TimestampMs, _) => Convert::Time(self.mapping.time_format(column)),
            (ColumnType::Int64, None) => Convert::Integer,
            (ColumnType::Int64, Some(AmountUnit::Minor)) => Convert::Amount { currency: None },
            (ColumnType::Int64, Some(AmountUnit::Major)) => Convert::Amount {
                currency: self.buffer(Column::Currency),
            },
        };
        let step = Step {
            column: column.name(),
            buffer,
            required: self.is_required(kind, column),
            convert,
            source: source.clone(),
        };
        check_constant(&step).map_err(|problem| DecodeError::BadConstant {
            column: column.name(),
            problem,
        })?;
        Ok(step)
    }

    /// A label may name its transaction in two ways; that is decided when its row is whole.
    fn is_required(&self, kind: RecordKind, column: Column) -> bool {
        match column {
            _ if kind == RecordKind::Label => false,
            Column::EventId | Column::EventTime => true,
            Column::AmountMinor | Column::Currency => {
                self.projection.index_of(column).is_some() || self.mapping.is_mapped(column)
            }
            _ => self.key.columns().contains(&column),
        }
    }

    /// Buffers that the event id of a record of `kind` is joined from. What the kind does not carry
    /// is left out; but a label must come to the same id as its transaction, or has none.
    fn derived(&self, kind: RecordKind) -> Vec<usize> {
        let carried_by = |column: &Column, kind| self.carries(kind, *column);
        let parts = self.mapping.derived.iter();
        let is_other_id = kind == RecordKind::Label
            && parts.clone().any(|column| {
                carried_by(column, RecordKind::Transaction) && !carried_by(column, kind)
            });
        if is_other_id {
            return Vec::new();
        }
        parts
            .filter(|column| carried_by(column, kind))
            .filter_map(|column| self.buffer(*column))
            .collect()
    }

    fn buffer(&self, column: Column) -> Option<usize> {
        self.columns.iter().position(|read| *read == column)
    }
}
