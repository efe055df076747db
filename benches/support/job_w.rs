//! Lanes with job W's catalog whose windows are full, and an endless stream for them.

use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray, UInt64Array,
};
use tillwatch_feature_extraction::{Catalog, EngineSettings, FeatureLane, Plan};
use tillwatch_records::{Column, EventBatch, KeySpec, Projection, RecordKind, TopicPartition};

/// Records in a batch: what a lane gets when it is busy.
pub const BATCH_RECORDS: usize = 2048;

/// Records from one to the same one again; not a multiple of ten, so that none comes a third time.
const REPEATED_AFTER: usize = 201;

const DAY_MS: f64 = 86_400_000.0;

/// An endless stream of transactions.
pub struct Stream {
    projection: Arc<Projection>,
    keys: u64,
    step_ms: f64,
    number: u64,
    random: u64,
    /// Whether one record in ten repeats the one sent 201 records before it, as from a producer that tries
    /// again.
    pub repeats: bool,
}

impl Stream {
    /// `live` records of each of `keys` keys in 24 hours.
    fn new(keys: u64, live: u64) -> Self {
        let columns = [
            Column::EventId,
            Column::EventTime,
            Column::AcquirerId,
            Column::MerchantId,
            Column::TerminalId,
            Column::CardToken,
            Column::AmountMinor,
            Column::ResponseCode,
        ];
        Self {
            projection: Arc::new(Projection::new(columns)),
            keys,
            step_ms: DAY_MS / (keys * live) as f64,
            number: 0,
            random: 42,
            repeats: false,
        }
    }

    /// Which record of a batch is in `row`, where each would be in its own.
    fn origin(&self, row: usize) -> usize {
        match row.checked_sub(REPEATED_AFTER) {
            Some(origin) if self.repeats && row % 10 == 9 => origin,
            _ => row,
        }
    }

    /// SplitMix64.
    fn draw(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    /// The next `records`.
    pub fn batch(&mut self, records: usize) -> EventBatch {
        let first = self.number;
        let numbers = first..first + records as u64;
        self.number = numbers.end;
        let times: Vec<i64> = numbers
            .clone()
            .map(|n| 1_704_067_200_000 + (n as f64 * self.step_ms) as i64)
            .collect();
        let keys: Vec<u64> = numbers.clone().map(|_| self.draw(self.keys)).collect();
        let text = |values: Vec<String>| -> ArrayRef { Arc::new(StringArray::from(values)) };
        let cards = (0..records).map(|_| format!("card-{:016x}", self.draw(200_000)));
        let cards = text(cards.collect());
        let amounts = (0..records).map(|_| self.draw(50_000) as i64 + 100);
        let amounts = Int64Array::from_iter_values(amounts);
        let codes = ["00", "00", "00", "00", "00", "00", "00", "00", "51", "05"];
        let codes: StringArray = (0..records)
            .map(|_| Some(codes[self.draw(10) as usize]))
            .collect();
        let arrays: Vec<ArrayRef> = vec![
            text(numbers.map(|n| format!("event-{n:012}")).collect()),
            Arc::new(TimestampMillisecondArray::from(times.clone()).with_timezone("UTC")),
            text(vec!["400001".to_owned(); records]),
            text(keys.iter().map(|k| format!("M{:09}", k / 4)).collect()),
            text(keys.iter().map(|k| format!("T{k:07}")).collect()),
            cards,
            Arc::new(amounts),
            Arc::new(codes),
        ];
        let origins: Vec<usize> = (0..records).map(|row| self.origin(row)).collect();
        let times = origins.iter().map(|row| times[*row]).collect();
        let origins = UInt64Array::from_iter_values(origins.iter().map(|row| *row as u64));
        let schema = self.projection.schema().clone();
        let order = self.projection.columns().iter();
        let named = [
            Column::EventId,
            Column::EventTime,
            Column::AcquirerId,
            Column::MerchantId,
            Column::TerminalId,
            Column::CardToken,
            Column::AmountMinor,
            Column::ResponseCode,
        ];
        let columns = order
            .filter_map(|column| named.iter().position(|name| name == column))
            .map(|position| arrow::compute::take(&arrays[position], &origins, None))
            .collect::<Result<_, _>>()
            .unwrap_or_else(|error| {
                eprintln!("column of the bench: {error}");
                std::process::exit(1)
            });
        EventBatch {
            joined: None,
            source: TopicPartition::new("bench", 0),
            offsets: (first as i64..).take(records).collect(),
            record_timestamps_ms: times,
            kinds: vec![RecordKind::Transaction; records],
            columns: RecordBatch::try_new(schema, columns).unwrap_or_else(|error| {
                eprintln!("batch of the bench: {error}");
                std::process::exit(1)
            }),
            projection: Arc::clone(&self.projection),
        }
    }
}

pub fn plan(catalog: &str) -> Arc<Plan> {
    let catalog = Catalog::parse(catalog);
    let mut settings = EngineSettings::default();
    settings.state.max_bytes = tillwatch_records::units::ByteSize(4 << 30);
    let plan = catalog.and_then(|catalog| Plan::compile(&catalog, &settings));
    let plan = plan.unwrap_or_else(|error| {
        eprintln!("catalog of the bench: {error}");
        std::process::exit(1)
    });
    Arc::new(plan)
}

/// A stream of `live` records of each of `keys` keys in 24 hours, and a lane that has seen more
/// than a day of it.
pub fn lane(keys: u64, live: u64) -> (Stream, FeatureLane) {
    let plan = plan(include_str!("../../models/features/job-w.toml"));
    let mut lane = FeatureLane::new(plan, KeySpec::terminal(), 0);
    let mut stream = Stream::new(keys, live);
    for _ in 0..keys * live * 5 / 4 / BATCH_RECORDS as u64 + 1 {
        black_box(lane.process(stream.batch(BATCH_RECORDS)).unwrap());
    }
    report(&lane);
    (stream, lane)
}

pub fn report(lane: &FeatureLane) {
    let stats = lane.stats();
    eprintln!(
        "{} keys: {} MiB of state, {} bytes per key",
        stats.keys,
        stats.state_bytes >> 20,
        stats.state_bytes / stats.keys.max(1),
    );
}
