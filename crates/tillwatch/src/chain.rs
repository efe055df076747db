//! Stages one after the other: the same records, each stage with a key and features of its own.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use tillwatch_feature_extraction::{FeatureLane, LaneStats};
use tillwatch_records::{Emissions, EventBatch, FeatureBatch, Flags};

/// A batch between two stages: what a stage takes, and what it gives.
///
/// It holds every record, also those that are not scored, because the next stage folds them too; and
/// by name, joined to the records, the features of the stages that they have passed. Nothing in it
/// belongs to the stage before: written to a topic that is keyed for the next stage, record by record
/// with its named columns, it is that stage's whole input, as it is here.
#[derive(Debug)]
pub struct Staged {
    events: EventBatch,
    passed: Option<Passed>,
}

/// What the stages so far have made of the records that are scored, one row for each.
#[derive(Debug)]
struct Passed {
    /// With keys of the first stage: a score is of its entity.
    emissions: Emissions,
    features: RecordBatch,
    /// A mark of any stage is a mark of the row.
    flags: Vec<Flags>,
}

/// One stage of a lane: a fold over its records in their order, whatever the batches and threads.
#[derive(Debug)]
pub struct Stage {
    lane: FeatureLane,
    /// Features of the stages before, then this stage's.
    schema: SchemaRef,
    /// Positions in `schema` of the features that a later stage reads, ascending.
    read_later: Vec<usize>,
}

/// The stages of a lane.
#[derive(Debug)]
pub struct Chain {
    /// In order.
    pub before: Vec<Stage>,
    pub last: Stage,
}

impl From<EventBatch> for Staged {
    /// A batch that has passed no stage.
    fn from(events: EventBatch) -> Self {
        Self {
            events,
            passed: None,
        }
    }
}

impl From<FeatureBatch> for Passed {
    fn from(batch: FeatureBatch) -> Self {
        Self {
            emissions: batch.emissions,
            features: batch.features,
            flags: batch.flags,
        }
    }
}

impl Stage {
    /// Folds a batch and adds this stage's features to it.
    pub fn pass(&mut self, staged: Staged) -> Staged {
        // Arrays are shared, so this copies positions and kinds alone.
        let mut events = staged.events.clone();
        let passed = self.fold(staged);
        self.join(&mut events, &passed.features);
        Staged {
            events,
            passed: Some(passed.into()),
        }
    }

    /// Folds a batch and gives its scored records with the features of all stages.
    pub fn fold(&mut self, staged: Staged) -> FeatureBatch {
        let made = self.lane.process(staged.events);
        let Some(before) = staged.passed else {
            return made;
        };
        debug_assert_eq!(before.flags.len(), made.flags.len());
        let columns = before.features.columns().iter();
        let columns: Vec<ArrayRef> = columns.chain(made.features.columns()).cloned().collect();
        let flags = before.flags.into_iter().zip(made.flags);
        let flags: Vec<Flags> = flags.map(|(before, made)| before | made).collect();
        FeatureBatch {
            events: made.events,
            emissions: before.emissions,
            features: batch_of(Arc::clone(&self.schema), columns, flags.len()),
            flags,
        }
    }
}

impl Stage {
    /// Joins what later stages read of `features`, which has a row for each scored record of `events`, to
    /// their rows; other records have none of them.
    fn join(&self, events: &mut EventBatch, features: &RecordBatch) {
        if self.read_later.is_empty() {
            return;
        }
        let is_whole = features.num_rows() == events.len();
        let mut next = 0;
        let rows = events.kinds.iter().map(|kind| {
            let row = self.lane.scored().contains(*kind).then_some(next)?;
            next += 1;
            Some(row)
        });
        let rows: UInt32Array = rows.collect();
        let mut fields: Vec<FieldRef> = Vec::new();
        let mut columns: Vec<ArrayRef> = Vec::new();
        for at in &self.read_later {
            let column = features.column(*at);
            let spread = match is_whole {
                true => Ok(Arc::clone(column)),
                false => take(column, &rows, None),
            };
            match spread {
                Ok(column) => {
                    fields.push(Arc::clone(&self.schema.fields()[*at]));
                    columns.push(column);
                }
                Err(error) => debug_assert!(false, "as many rows as scored records: {error}"),
            }
        }
        if let Some(joined) = &events.joined {
            // What an earlier stage has joined is among the features already.
            let schema = joined.schema_ref();
            for (field, column) in schema.fields().iter().zip(joined.columns()) {
                if self.schema.field_with_name(field.name()).is_err() {
                    fields.push(Arc::clone(field));
                    columns.push(Arc::clone(column));
                }
            }
        }
        let rows = events.len();
        events.joined = Some(batch_of(Arc::new(Schema::new(fields)), columns, rows));
    }
}

impl Chain {
    /// A chain of one stage.
    pub fn new(lane: FeatureLane) -> Self {
        let schema = Arc::clone(lane.plan().schema());
        Self {
            before: Vec::new(),
            last: Stage {
                lane,
                schema,
                read_later: Vec::new(),
            },
        }
    }

    /// The chain with one more stage at its end.
    pub fn then(mut self, lane: FeatureLane) -> Self {
        let before = self.last.schema.fields().iter();
        let fields: Vec<FieldRef> = before
            .chain(lane.plan().schema().fields())
            .cloned()
            .collect();
        for source in lane.plan().joined_needed() {
            for stage in self.before.iter_mut().chain([&mut self.last]) {
                if let Ok(at) = stage.schema.index_of(&source.name)
                    && let Err(place) = stage.read_later.binary_search(&at)
                {
                    stage.read_later.insert(place, at);
                }
            }
        }
        let next = Stage {
            lane,
            schema: Arc::new(Schema::new(fields)),
            read_later: Vec::new(),
        };
        self.before.push(std::mem::replace(&mut self.last, next));
        self
    }

    /// Passes a batch through all stages.
    pub fn process(&mut self, events: EventBatch) -> FeatureBatch {
        let before = self.before.iter_mut();
        let staged = before.fold(events.into(), |staged, stage| stage.pass(staged));
        self.last.fold(staged)
    }

    /// What it has done and holds: records are counted once, state is that of all stages.
    pub fn stats(&self) -> LaneStats {
        let mut stages = self.stages().map(|stage| stage.lane.stats());
        let mut all = stages.next().unwrap_or_default();
        for stage in stages {
            all.evicted_keys += stage.evicted_keys;
            all.keys += stage.keys;
            all.state_bytes += stage.state_bytes;
        }
        all
    }

    /// Newest event time that the first stage has accepted, in milliseconds since 1970.
    pub fn watermark_ms(&self) -> Option<i64> {
        self.stages().next()?.lane.watermark_ms()
    }

    fn stages(&self) -> impl Iterator<Item = &Stage> {
        self.before.iter().chain([&self.last])
    }
}

fn batch_of(schema: SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> RecordBatch {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options).unwrap_or_else(
        |error| {
            debug_assert!(
                false,
                "columns of one length, of the schema's types: {error}"
            );
            RecordBatch::new_empty(schema)
        },
    )
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array as _, AsArray as _};
    use arrow::datatypes::Float64Type;
    use tillwatch_decode::{DecodePlan, DecodeSettings, Decoder};
    use tillwatch_feature_extraction::{Catalog, EngineSettings, Plan};
    use tillwatch_records::{Column, KeySpec, Projection, RawBatch, RecordKind, TopicPartition};

    use super::*;

    fn lane(key: &str, catalog: &str) -> FeatureLane {
        let catalog = Catalog::parse(catalog).unwrap();
        let plan = Plan::compile(&catalog, &EngineSettings::default()).unwrap();
        // Not from the start, so that marks differ between windows of different lengths.
        FeatureLane::new(Arc::new(plan), KeySpec::from_names(&[key]).unwrap(), 1)
    }

    fn terminal() -> FeatureLane {
        let text = "name = 't'\n[[feature]]\nname = 'terminal_{window}'\naggregate = 'count'\nwindows = ['1s', '1h']
            [[feature]]\nname = 'labels'\naggregate = 'count'\nrecord_type = 'label'\nwindow = '1h'";
        lane("terminal_id", text)
    }

    fn card() -> FeatureLane {
        let text = "name = 'c'\n[[feature]]\nname = 'card_1m'\naggregate = 'count'\nwindow = '1m'
            [[feature]]\nname = 'mean_1m'\naggregate = 'mean'\ncolumn = 'amount_minor'\nwindow = '1m'\nexclude_current = true";
        lane("card_token", text)
    }

    /// A hundred records, every fifth a label and every seventh a terminal event.
    fn records(range: std::ops::Range<i64>) -> EventBatch {
        let settings: DecodeSettings = toml::from_str("record_type = { field = 'type' }").unwrap();
        let columns = [Column::EventId, Column::EventTime, Column::TerminalId];
        let projection = Projection::new(
            columns
                .into_iter()
                .chain([Column::CardToken, Column::AmountMinor]),
        );
        let key = KeySpec::from_names(&["terminal_id", "card_token"]).unwrap();
        let plan = DecodePlan::new(&settings, Arc::new(projection), &key);
        let mut raw = RawBatch::new(TopicPartition::new("t", 0));
        for n in range {
            let kind = match n {
                _ if n % 5 == 4 => "label",
                _ if n % 7 == 6 => "terminal_event",
                _ => "transaction",
            };
            let row = format!(
                r#"{{"type":"{kind}","event_id":"{n}","event_time":{},"terminal_id":"{}","card_token":"c{}","amount_minor":{n},"currency":"EUR"}}"#,
                1_500_000_000_000_i64 + n * 700,
                n % 3,
                n % 4,
            );
            raw.push(n, None, None, Some(row.as_bytes()), []);
        }
        let decoded = Decoder::new(Arc::new(plan.unwrap())).decode(&raw);
        let unkeyed = |refusal: &tillwatch_decode::Refusal| refusal.detail.contains("card_token");
        assert!(
            decoded.refusals.iter().all(unkeyed),
            "{:?}",
            decoded.refusals
        );
        decoded.events
    }

    #[test]
    fn a_chain_gives_what_its_stages_give_alone() {
        let alone = [
            terminal().process(records(0..100)),
            card().process(records(0..100)),
        ];
        let mut columns = alone[0].features.columns().to_vec();
        columns.extend(alone[1].features.columns().iter().cloned());
        for batch in [1, 7, 100] {
            let mut chain = Chain::new(terminal()).then(card());
            let (mut row, mut start) = (0, 0);
            while start < 100 {
                let end = (start + batch).min(100);
                let made = chain.process(records(start..end));
                assert_eq!(made.features.num_columns(), 5);
                for (found, expected) in made.features.columns().iter().zip(&columns) {
                    assert_eq!(**found, *expected.slice(row, made.len()));
                }
                for (at, flags) in made.flags.iter().enumerate() {
                    assert_eq!(*flags, alone[0].flags[row + at] | alone[1].flags[row + at]);
                }
                let keys = alone[0].emissions.keys.slice(row, made.len());
                assert_eq!(made.emissions.keys, keys);
                assert_eq!(
                    made.events.offsets,
                    alone[0].events.offsets[row..row + made.len()]
                );
                row += made.len();
                start = end;
            }
            assert_eq!(row, alone[0].len());
            let (stats, first) = (chain.stats(), chain.before[0].lane.stats());
            assert_eq!(
                (stats.labels, stats.accepted),
                (first.labels, first.accepted)
            );
            assert_eq!(stats.keys, 3 + 4);
        }
    }

    #[test]
    fn a_later_stage_sees_the_features_of_those_before_by_name() {
        let reader = |terminal: &FeatureLane| {
            let text = "name = 'r'\n[[feature]]\nname = 'twice'\naggregate = 'value'\nexpression = '2 * terminal_1h'
                [[feature]]\nname = 'busiest'\naggregate = 'max'\ncolumn = 'terminal_1h'\nwindow = '1m'";
            let catalog = Catalog::parse_with(text, terminal.plan().schema()).unwrap();
            let plan = Plan::compile(&catalog, &EngineSettings::default()).unwrap();
            let key = KeySpec::from_names(&["card_token"]).unwrap();
            FeatureLane::new(Arc::new(plan), key, 0)
        };
        let reader = reader(&terminal());
        // The stage that reads does not come right after the one that is read.
        let mut chain = Chain::new(terminal()).then(card()).then(reader);
        let staged = chain.before[0].pass(records(0..100).into());
        let joined = staged.events.joined.clone().expect("it is joined");
        assert_eq!(
            (joined.num_columns(), joined.num_rows()),
            (1, staged.events.len())
        );
        let joined = joined.column(0).as_primitive::<Float64Type>();
        let kinds = staged.events.kinds.iter();
        let transactions = kinds
            .enumerate()
            .filter(|(_, kind)| **kind == RecordKind::Transaction);
        let transactions: Vec<usize> = transactions.map(|(row, _)| row).collect();
        assert_eq!(joined.len() - joined.null_count(), transactions.len());
        let staged = chain.before[1].pass(staged);
        let made = chain.last.fold(staged);
        let column = |name: &str| {
            let column = made.features.column_by_name(name);
            column.expect("it is there").as_primitive::<Float64Type>()
        };
        let (read, twice, busiest) = (column("terminal_1h"), column("twice"), column("busiest"));
        for (at, row) in transactions.into_iter().enumerate() {
            assert_eq!(read.value(at), joined.value(row));
            assert_eq!(twice.value(at), 2.0 * read.value(at));
            assert!(busiest.value(at) >= read.value(at));
        }
    }
}
