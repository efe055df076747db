//! A cheap, endless and well-behaved stream of transactions, made column by column: for what is
//! measured over hundreds of thousands of records.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use tillwatch_records::{Column, EventBatch, Projection, RecordKind, TopicPartition};

use crate::stream::START_MS;

/// The columns that the records have.
pub const COLUMNS: [Column; 15] = [
    Column::EventId,
    Column::EventTime,
    Column::TerminalId,
    Column::Mcc,
    Column::CardToken,
    Column::Bin,
    Column::ProcessingCode,
    Column::AmountMinor,
    Column::ResponseCode,
    Column::Stan,
    Column::UnpredictableNumber,
    Column::CryptogramHash,
    Column::HardwareSerial,
    Column::Lat,
    Column::Lon,
];

/// Transactions at even distances in time.
#[derive(Debug)]
pub struct Steady {
    projection: Arc<Projection>,
    step_ms: f64,
    number: u64,
    random: u64,
}

impl Steady {
    /// A record every `step_ms`. Same seed, same records.
    pub fn new(seed: u64, step_ms: f64) -> Self {
        Self {
            projection: Arc::new(Projection::new(COLUMNS)),
            step_ms,
            number: 0,
            random: seed,
        }
    }

    /// A number below `below`, from SplitMix64.
    pub fn draw(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below.max(1)
    }

    /// The next records, one of each of `keys`, whose names have 24 bytes. Nine of ten cards are new, and
    /// amounts spread over five powers of two.
    pub fn batch(&mut self, keys: &[u64]) -> EventBatch {
        let records = keys.len();
        let numbers = self.number..self.number + records as u64;
        self.number = numbers.end;
        let times: Vec<i64> = numbers
            .clone()
            .map(|number| START_MS + (number as f64 * self.step_ms) as i64)
            .collect();
        let projection = Arc::clone(&self.projection);
        let columns = projection
            .columns()
            .iter()
            .map(|column| self.array(*column, keys, &times, numbers.start))
            .collect();
        let columns = RecordBatch::try_new(Arc::clone(projection.schema()), columns);
        EventBatch {
            joined: None,
            marks: Vec::new(),
            source: TopicPartition::new("steady", 0),
            topic_id: None,
            offsets: (numbers.start as i64..).take(records).collect(),
            record_timestamps_ms: times,
            kinds: vec![RecordKind::Transaction; records],
            columns: columns
                .unwrap_or_else(|_| RecordBatch::new_empty(projection.schema().clone())),
            projection,
        }
    }

    fn array(&mut self, column: Column, keys: &[u64], times: &[i64], first: u64) -> ArrayRef {
        fn text(values: impl Iterator<Item = String>) -> ArrayRef {
            Arc::new(StringArray::from_iter_values(values))
        }
        let numbers = first..first + keys.len() as u64;
        let places = |shift: f64| -> ArrayRef {
            let degrees = keys.iter().map(|key| (key % 90) as f64 / 2.0 + shift);
            Arc::new(Float64Array::from_iter_values(degrees))
        };
        match column {
            Column::EventId => text(numbers.map(|number| format!("{number:012x}"))),
            Column::EventTime => Arc::new(
                TimestampMillisecondArray::from_iter_values(times.iter().copied())
                    .with_timezone("UTC"),
            ),
            Column::TerminalId => text(keys.iter().map(|key| format!("terminal-{key:015}"))),
            Column::Mcc => text(keys.iter().map(|key| format!("5{:03}", key % 300))),
            Column::ProcessingCode => text(keys.iter().map(|_| "000000".to_owned())),
            Column::CardToken => text(numbers.map(|number| {
                let card = if self.draw(10) == 0 {
                    number % 7
                } else {
                    number
                };
                format!("card-{card:016x}")
            })),
            Column::Bin => text(numbers.map(|_| format!("4{:05}", self.draw(40)))),
            Column::AmountMinor => Arc::new(Int64Array::from_iter_values(numbers.map(|_| {
                let power = self.draw(5);
                (200 << power) + self.draw(200 << power) as i64
            }))),
            Column::ResponseCode => text(numbers.map(|_| {
                let is_declined = self.draw(10) == 0;
                if is_declined { "05" } else { "00" }.to_owned()
            })),
            Column::Stan => Arc::new(Int64Array::from_iter_values(
                numbers.map(|number| number as i64 % 1_000_000),
            )),
            Column::UnpredictableNumber | Column::CryptogramHash => {
                text(numbers.map(|number| format!("{number:08X}")))
            }
            Column::HardwareSerial => text(keys.iter().map(|key| format!("SN{key:08}"))),
            Column::Lon => places(1.0),
            _ => places(-40.0),
        }
    }
}
