//! Settings, checked once and resolved to slots and buffers.

mod cards;
mod invalid;
mod kinds;
mod layout;
mod mapping;
mod wanted;

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use tillwatch_records::column::ColumnType;
use tillwatch_records::{Column, KeySpec, Projection, RecordKind};

use self::cards::Cards;
use self::invalid::InvalidRule;
use self::kinds::KindBuilder;
use self::layout::Layout;
use self::mapping::{Mapping, slot};
pub use self::wanted::Wanted;
use crate::buffer::BufferId;
use crate::error::DecodeError;
use crate::format::rows::{Encoding, Format, FormatKind, RowPlan};
use crate::format::{FORMATS, named};
use crate::kind::KindRule;
use crate::own::OwnColumn;
use crate::settings::{AmountUnit, DecodeSettings, RecordType, Tombstones};
use crate::tree::FieldTree;

/// How records of a configuration become rows: settings, validated once. Shared by all lanes.
#[derive(Debug)]
pub struct DecodePlan {
    projection: Arc<Projection>,
    own_columns: Vec<OwnColumn>,
    pub(crate) rows: RowPlan,
    pub(crate) format: Arc<dyn Format>,
    /// Types of all columns that are read, in the order that gave them their buffers: also of those that
    /// are only needed to decide about a record.
    pub(crate) buffers: Vec<ColumnType>,
    /// Buffers of the projected columns, in their order.
    pub(crate) projected: Vec<BufferId>,
    /// Buffers of the site's own columns, in the order of `own_schema`.
    pub(crate) own: Vec<BufferId>,
    pub(crate) own_schema: SchemaRef,
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
        Self::with_own_columns(settings, projection, &[], key)
    }

    /// As [`DecodePlan::new`], with columns of the site's own, which are joined to the batch: those of
    /// [`DecodeSettings::own_columns`] that somebody reads.
    ///
    /// # Errors
    /// As [`DecodePlan::new`].
    pub fn with_own_columns(
        settings: &DecodeSettings,
        projection: Arc<Projection>,
        own: &[OwnColumn],
        key: &KeySpec,
    ) -> Result<Self, DecodeError> {
        let wanted = Wanted {
            own: own.to_vec(),
            ..Wanted::new(projection, key)
        };
        Self::for_wanted(settings, &wanted)
    }

    /// Checks `settings` for building what is `wanted`.
    ///
    /// # Errors
    /// As [`DecodePlan::new`].
    pub fn for_wanted(settings: &DecodeSettings, wanted: &Wanted) -> Result<Self, DecodeError> {
        let format = named(&settings.format, FORMATS)?;
        Self::of_format(format, &[], settings, wanted)
    }

    /// A plan for records of `format`, which `schema` describes where it needs one.
    pub(crate) fn of_format(
        format: &FormatKind,
        schema: &[u8],
        settings: &DecodeSettings,
        wanted: &Wanted,
    ) -> Result<Self, DecodeError> {
        let Wanted {
            projection, own, ..
        } = wanted;
        // Those that nobody reads are checked as well.
        settings.own_columns()?;
        let mut tree = FieldTree::new();
        let kind_rule = kind_rule(settings, &mut tree)?;
        let mapping = Mapping::new(settings)?;
        let mut layout = Layout::new();
        // After the fields of columns, so that it is seen where one is the same.
        let is_tokenised = |column| settings.tokenise.is_some() && Cards::makes(column, &mapping);
        for column in columns_read(&mapping, wanted, &kind_rule) {
            let origin = match is_tokenised(column) {
                true => None,
                false => mapping.origin(column, &mut tree)?,
            };
            layout.add(column, origin);
        }
        for column in own {
            layout.add_own(column, mapping::own_origin(column, &mut tree)?);
        }
        let edition = match layout.text(Column::ResponseCode) {
            Some(_) => mapping.edition(&mut tree),
            None => None,
        };
        let builder = KindBuilder {
            cards: &Cards::new(settings, &mapping, &mut tree)?,
            edition,
            invalid: &InvalidRule::new(settings)?,
            mapping: &mapping,
            wanted,
            layout: &layout,
        };
        builder.check_invalid()?;
        let [transaction, event, label] = RecordKind::ALL.map(|kind| builder.build(kind));
        let nan = settings.nan;
        let encoding = Encoding { schema, nan };
        let fields: Vec<Field> = own.iter().map(OwnColumn::field).collect();
        Ok(Self {
            rows: RowPlan {
                kinds: [transaction?, event?, label?],
                kind_rule,
            },
            format: (format.make)(Arc::new(tree), &encoding)?,
            projected: layout.ids(projection.columns()),
            own: layout.own.iter().map(|own| own.id).collect(),
            buffers: layout.kinds,
            projection: Arc::clone(projection),
            own_columns: own.to_vec(),
            own_schema: Arc::new(Schema::new(fields)),
        })
    }

    /// The canonical columns that the decoder builds.
    pub fn projection(&self) -> &Arc<Projection> {
        &self.projection
    }

    /// The columns of the site's own that it builds.
    pub fn own_columns(&self) -> &[OwnColumn] {
        &self.own_columns
    }

    /// Whether it builds the same columns as `other`.
    pub fn builds_as(&self, other: &Self) -> bool {
        self.projection.columns() == other.projection.columns()
            && self.own_columns == other.own_columns
    }
}

fn kind_rule(settings: &DecodeSettings, tree: &mut FieldTree) -> Result<KindRule, DecodeError> {
    let rule = &settings.record_type;
    if rule.field.is_some() && rule.header.is_some() {
        return Err(DecodeError::TwoRecordTypeOrigins);
    }
    let slot = match &rule.field {
        Some(path) => Some(slot(tree, "record_type", path)?),
        None => None,
    };
    let sites = rule.values.iter().map(|(word, of)| (word.as_str(), *of));
    let ours = [
        (RecordKind::Transaction, RecordType::Transaction),
        (RecordKind::TerminalEvent, RecordType::TerminalEvent),
        (RecordKind::Label, RecordType::Label),
    ];
    let ours = ours.map(|(kind, of)| (kind.as_str(), of));
    let ignores_tombstones = rule.tombstones == Tombstones::Ignored;
    let types = rule.values.values().chain(rule.topics.values());
    let mut types = types.chain([&rule.default]);
    Ok(KindRule {
        ignores: ignores_tombstones || types.any(|of| *of == RecordType::Ignored),
        ignores_tombstones,
        slot,
        header: rule.header.clone(),
        words: sites
            .chain(ours)
            .map(|(word, of)| (word.as_bytes().into(), of))
            .collect(),
        topics: rule.topics.clone(),
        default: rule.default,
    })
}

/// The projected columns in their order, then the others that decide about a record.
fn columns_read(mapping: &Mapping<'_>, wanted: &Wanted, kind_rule: &KindRule) -> Vec<Column> {
    let mut columns = wanted.projection.columns().to_vec();
    let mut add = |column: Column| {
        if !columns.contains(&column) {
            columns.push(column);
        }
    };
    wanted.key_columns().into_iter().for_each(&mut add);
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
    // A longer entry mode says both.
    if columns.contains(&Column::PinCapability) && !columns.contains(&Column::EntryMode) {
        columns.push(Column::EntryMode);
    }
    let is_major = |column: &Column| mapping.amount_unit(*column) == Some(AmountUnit::Major);
    if columns.iter().any(is_major) && !columns.contains(&Column::Currency) {
        columns.push(Column::Currency);
    }
    columns
}
