//! The state of a lane with arbitrary words changed: it is refused, or the lane goes on from it.
//!
//! The first byte chooses what is damaged: the image of a key or cohort, or what the lane keeps besides,
//! behind a right header and checksum. Every eight that follow are a change: what, where (3) and by what (4).
//! So every input begins at state that is right, whatever its format, and needs no corpus.
#![no_main]

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use libfuzzer_sys::fuzz_target;
use tillwatch_feature_extraction::{Catalog, EngineSettings, FeatureLane, Plan, SnapshotError};
use tillwatch_records::units::DurationMs;
use tillwatch_records::{
    Column, Entries, Entry, EventBatch, KeySpec, Projection, RecordKind, TopicPartition,
};
use twox_hash::XxHash3_64;

/// Every aggregate.
const CATALOG: &str =
    include_str!("../../crates/feature-extraction/src/report/estimate/everything.toml");

const COLUMNS: [Column; 13] = [
    Column::EventId,
    Column::EventTime,
    Column::OccurredTime,
    Column::TerminalId,
    Column::Mcc,
    Column::CardToken,
    Column::Bin,
    Column::AmountMinor,
    Column::ResponseCode,
    Column::Stan,
    Column::Lat,
    Column::Lon,
    Column::LabelKind,
];

/// Words before what a part says, the last two of them its length, and of the checksum behind it.
const HEADER: usize = 8;
const CHECKSUM: usize = 2;

/// Records of the state: two days, so that windows are large and panes are compacted.
const BEFORE: usize = 300;

/// Records that a lane goes on with: a day and a half, so that most of the windows is exchanged.
const AFTER: usize = 60;

const MINUTE_MS: i64 = 60_000;
const STEP_MS: i64 = 10 * MINUTE_MS;
const STEP_AFTER_MS: i64 = 40 * MINUTE_MS;
const LATE_MS: i64 = 50 * MINUTE_MS;

/// A label is that of the record so many before, which has the same key.
const LABELLED_BEFORE: usize = 8;

/// 2023-11-14, 22:13:20 UTC.
const START_MS: i64 = 1_700_000_000_000;

static PLAN: LazyLock<Arc<Plan>> = LazyLock::new(|| {
    let catalog = Catalog::parse(CATALOG).expect("the catalog is right");
    let mut settings = EngineSettings::default();
    settings.time.allowed_lateness = DurationMs::from_ms(60 * MINUTE_MS);
    Arc::new(Plan::compile(&catalog, &settings).expect("the catalog fits"))
});

/// What a cut of a lane gives.
#[derive(Clone, PartialEq)]
struct Written {
    part: Vec<u8>,
    entries: Entries,
}

static WRITTEN: LazyLock<Written> = LazyLock::new(|| {
    let mut lane = lane();
    lane.process(batch(0..BEFORE)).unwrap();
    let written = write(&mut lane);
    let words = words_of(&written.part);
    let (checked, sum) = words.split_at(words.len() - CHECKSUM);
    assert_eq!(
        sum,
        checksum(checked),
        "the checksum here is that of the crate"
    );
    written
});

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, changes)) = bytes.split_first() else {
        return;
    };
    let choice = usize::from(*choice) % (WRITTEN.entries.len() + 1);
    let mut damaged = WRITTEN.clone();
    if choice == WRITTEN.entries.len() {
        damaged.part = bytes_of(&damaged_part(&words_of(&WRITTEN.part), changes));
    } else {
        damaged.entries.clear();
        for (number, entry) in WRITTEN.entries.iter().enumerate() {
            let mut words = words_of(entry.image.expect("nothing was evicted"));
            if number == choice {
                change(&mut words, changes);
            }
            let image = bytes_of(&words);
            damaged.entries.push_entry(&Entry {
                image: Some(&image),
                ..entry
            });
        }
    }
    let mut lane = lane();
    if read(&mut lane, &damaged).is_err() {
        assert!(damaged != *WRITTEN, "what was written is taken");
        return;
    }
    lane.process(batch(BEFORE..BEFORE + AFTER)).unwrap();
    write(&mut lane);
});

fn lane() -> FeatureLane {
    let key = KeySpec::from_names(&["terminal_id"]).expect("the column exists");
    FeatureLane::new(Arc::clone(&PLAN), key, 0)
}

fn write(lane: &mut FeatureLane) -> Written {
    let (mut part, mut entries) = (Vec::new(), Entries::default());
    lane.track(0);
    assert!(lane.begin_cut(&mut part));
    while !lane.continue_cut(&mut entries, 64) {}
    entries.sort();
    Written { part, entries }
}

fn read(lane: &mut FeatureLane, written: &Written) -> Result<(), SnapshotError> {
    lane.begin_restore(&written.part)?;
    for entry in written.entries.iter() {
        lane.restore(&entry)?;
    }
    lane.end_restore()
}

fn words_of(bytes: &[u8]) -> Vec<u32> {
    let words = bytes.as_chunks::<4>().0.iter();
    words.map(|word| u32::from_le_bytes(*word)).collect()
}

fn bytes_of(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The part `written` with `changes` to what is between header and checksum.
fn damaged_part(written: &[u32], changes: &[u8]) -> Vec<u32> {
    let mut payload = written[HEADER..written.len() - CHECKSUM].to_vec();
    change(&mut payload, changes);
    let mut part = written[..HEADER - 2].to_vec();
    let words = payload.len() as u64;
    part.extend([words as u32, (words >> 32) as u32]);
    part.extend(payload);
    let sum = checksum(&part);
    part.extend(sum);
    part
}

/// Applies `changes` to `words`.
fn change(words: &mut Vec<u32>, changes: &[u8]) {
    for change in changes.as_chunks::<8>().0 {
        let [what, at @ .., a, b, c, d] = *change;
        let [x, y, z] = at;
        let value = u32::from_le_bytes([a, b, c, d]);
        let place = |number: u32| number as usize % words.len().max(1);
        let (at, other) = (place(u32::from_le_bytes([x, y, z, 0])), place(value));
        if words.is_empty() {
            break;
        }
        match what % 8 {
            0 => words[at] = value,
            1 => words[at] = words[at].wrapping_add(value),
            2 => words[at] ^= 1 << (value % u32::BITS),
            3 => words[at] = words[other],
            // A small or large number of 64 bits, and one shifted up.
            4 | 5 => {
                let wide = i64::from(value.cast_signed()) << (what % 2 * 40);
                let halves = [wide as u32, (wide >> 32) as u32];
                words[at..]
                    .iter_mut()
                    .zip(halves)
                    .for_each(|(w, half)| *w = half);
            }
            6 => words.insert(at, value),
            _ if value.is_multiple_of(8) => words.truncate(at),
            _ => drop(words.remove(at)),
        }
    }
}

fn checksum(words: &[u32]) -> [u32; CHECKSUM] {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let sum = XxHash3_64::oneshot(&bytes);
    [sum as u32, (sum >> 32) as u32]
}

fn kind(number: usize) -> RecordKind {
    match number % 10 {
        9 => RecordKind::Label,
        4 => RecordKind::TerminalEvent,
        _ => RecordKind::Transaction,
    }
}

fn time_ms(number: usize) -> i64 {
    let (before, after) = (number.min(BEFORE), number.saturating_sub(BEFORE));
    let late_ms = if number % 7 == 3 { LATE_MS } else { 0 };
    START_MS + before as i64 * STEP_MS + after as i64 * STEP_AFTER_MS - late_ms
}

/// The records with these numbers.
fn batch(numbers: std::ops::Range<usize>) -> EventBatch {
    let projection = Projection::new(COLUMNS);
    let columns = projection.columns().iter();
    let columns = columns.map(|column| array(*column, numbers.clone()));
    let columns = RecordBatch::try_new(Arc::clone(projection.schema()), columns.collect());
    EventBatch {
        source: TopicPartition::new("fuzz", 0),
        topic_id: None,
        offsets: numbers.clone().map(|number| number as i64).collect(),
        record_timestamps_ms: numbers.clone().map(time_ms).collect(),
        kinds: numbers.map(kind).collect(),
        projection: Arc::new(projection),
        columns: columns.expect("the arrays are as the schema says"),
        joined: None,
        marks: Vec::new(),
    }
}

fn array(column: Column, numbers: std::ops::Range<usize>) -> ArrayRef {
    let is_label = |number: usize| kind(number) == RecordKind::Label;
    let meant = |number: usize| match kind(number) {
        RecordKind::Label => number - LABELLED_BEFORE,
        _ => number,
    };
    let times = |values: TimestampMillisecondArray| Arc::new(values.with_timezone("UTC"));
    let texts = |text: &dyn Fn(usize) -> Option<String>| -> ArrayRef {
        Arc::new(numbers.clone().map(text).collect::<StringArray>())
    };
    match column {
        Column::EventTime => times(numbers.map(|n| Some(time_ms(n))).collect()),
        Column::OccurredTime => times(
            numbers
                .map(|n| is_label(n).then(|| time_ms(meant(n))))
                .collect(),
        ),
        Column::AmountMinor | Column::Stan => {
            let modulus = if column == Column::Stan { 40 } else { 5_000 };
            let values = numbers.map(|n| (n * n * 7_919 % modulus) as i64 - 3);
            Arc::new(values.collect::<Int64Array>())
        }
        Column::Lat | Column::Lon => {
            let values = numbers.map(|n| (n % 3) as f64 * 0.5);
            Arc::new(values.collect::<Float64Array>())
        }
        Column::EventId => texts(&|n| Some(format!("id {}", meant(n)))),
        // Most are of one key.
        Column::TerminalId => texts(&|n| Some(["a", "b", "c"][(n % 8).saturating_sub(5)].into())),
        Column::LabelKind => texts(&|n| is_label(n).then(|| "fraud".into())),
        Column::ResponseCode => texts(&|n| Some(["05", "00", "00", "00"][n % 4].into())),
        _ => texts(&|n| Some((n % 19).to_string())),
    }
}
