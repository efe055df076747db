//! An endless stream of decoded transactions with the columns that job W reads.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray, UInt64Array,
    new_null_array,
};
use tillwatch_records::{Column, EventBatch, Projection, RecordKind, TopicPartition};

/// Records in a batch: what a lane gets when it is busy.
pub const BATCH_RECORDS: usize = 2048;

/// Records from one to the same one again; not a multiple of ten, so that none comes a third time.
const REPEATED_AFTER: usize = 201;

const DAY_MS: f64 = 86_400_000.0;

/// What a record says. Whatever else is asked for is missing in all of them.
pub const COLUMNS: [Column; 8] = [
    Column::EventId,
    Column::EventTime,
    Column::AcquirerId,
    Column::MerchantId,
    Column::TerminalId,
    Column::CardToken,
    Column::AmountMinor,
    Column::ResponseCode,
];

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
    /// `live` records of each of `keys` keys in 24 hours, with these columns.
    pub fn new(columns: impl IntoIterator<Item = Column>, keys: u64, live: u64) -> Self {
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
        let order = self.projection.columns().iter().zip(schema.fields());
        let columns = order
            .map(
                |(column, field)| match COLUMNS.iter().position(|name| name == column) {
                    Some(position) => arrow::compute::take(&arrays[position], &origins, None),
                    None => Ok(new_null_array(field.data_type(), records)),
                },
            )
            .collect::<Result<_, _>>()
            .unwrap_or_else(|error| {
                eprintln!("column of the bench: {error}");
                std::process::exit(1)
            });
        EventBatch {
            joined: None,
            marks: Vec::new(),
            source: TopicPartition::new("bench", 0),
            topic_id: None,
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
