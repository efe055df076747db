//! The stream's features against polars' over the same simulated records: two implementations that
//! share nothing but the words of the catalog and the predicates.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers as well"
)]

use std::collections::HashSet;
use std::fs::File;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, TimestampMillisecondArray};
use arrow::datatypes::Float64Type;
use parquet::arrow::ArrowWriter;
use tillwatch_decode::{DecodePlan, DecodeSettings, Decoder};
use tillwatch_feature_extraction::{Catalog, EngineSettings, FeatureLane, Plan};
use tillwatch_lab::compare::compare;
use tillwatch_lab::declared::{Aggregate, Declared};
use tillwatch_lab::rolling;
use tillwatch_lab::rows::Rows;
use tillwatch_records::{
    Column, EventBatch, Flags, KeySpec, Projection, RawBatch, RecordKind, TopicPartition,
};
use tillwatch_simulator::{Fleet, SimulatorSettings};

const CATALOG: &str = include_str!("catalog.toml");

/// Few terminals, so that their windows hold many records.
const TERMINALS: u32 = 60;
const RECORDS: usize = 12_000;

/// Records in a batch of the stream; no divisor of anything.
const BATCH_RECORDS: usize = 997;

/// Simulated transactions in the order of their arrival.
fn simulated(settings: &SimulatorSettings) -> EventBatch {
    let mut fleet = Fleet::new(settings).unwrap();
    let projection = Arc::new(Projection::of_kind(RecordKind::Transaction));
    let plan = DecodePlan::new(&DecodeSettings::default(), projection, &KeySpec::terminal());
    let mut decoder = Decoder::new(Arc::new(plan.unwrap()));
    let mut raw = RawBatch::new(TopicPartition::new("simulation", 0));
    let mut json = Vec::new();
    for offset in 0..RECORDS as i64 {
        json.clear();
        let emitted = fleet.next(&mut json);
        raw.push(offset, Some(emitted.arrival_ms), None, Some(&json), []);
    }
    let decoded = decoder.decode(&raw);
    assert!(decoded.refusals.is_empty());
    assert_eq!(decoded.events.len(), RECORDS);
    decoded.events
}

/// A rate at which a terminal's records meet each other in windows and, sometimes, in one millisecond.
fn busy() -> SimulatorSettings {
    SimulatorSettings {
        terminals: TERMINALS,
        cards: 1_000,
        activity: 20.0,
        ..SimulatorSettings::default()
    }
}

fn with_times(events: &EventBatch, times: Vec<i64>) -> EventBatch {
    let array = TimestampMillisecondArray::from(times.clone()).with_timezone("UTC");
    let mut arrays = events.columns.columns().to_vec();
    arrays[events.projection.index_of(Column::EventTime).unwrap()] = Arc::new(array);
    EventBatch {
        columns: RecordBatch::try_new(events.columns.schema(), arrays).unwrap(),
        record_timestamps_ms: times,
        ..events.clone()
    }
}

/// Times cut to `grain_ms`; with 0, moved by as little as makes them different for every key.
fn with_grain(events: &EventBatch, grain_ms: i64) -> EventBatch {
    let keys = KeySpec::terminal().of(events);
    let mut taken = HashSet::new();
    let times = events.event_times_ms().unwrap().iter().zip(keys.iter());
    let times = times.map(|(time, key)| {
        if grain_ms > 0 {
            return time - time.rem_euclid(grain_ms);
        }
        let mut time = *time;
        while !taken.insert((key.unwrap().to_owned(), time)) {
            time += 1;
        }
        time
    });
    let times = times.collect();
    with_times(events, times)
}

/// Event ids and the stream's features; only the `refused` are marked, as late.
fn ours(events: &EventBatch, allowed_lateness: &str, refused: &[bool]) -> RecordBatch {
    let mut settings = EngineSettings::default();
    settings.time.allowed_lateness = allowed_lateness.parse().unwrap();
    let plan = Plan::compile(&Catalog::parse(CATALOG).unwrap(), &settings).unwrap();
    let mut lane = FeatureLane::new(Arc::new(plan), KeySpec::terminal(), 0);
    let mut batches = Vec::new();
    for start in (0..events.len()).step_by(BATCH_RECORDS) {
        let end = (start + BATCH_RECORDS).min(events.len());
        let part = EventBatch {
            offsets: events.offsets[start..end].to_vec(),
            record_timestamps_ms: events.record_timestamps_ms[start..end].to_vec(),
            kinds: events.kinds[start..end].to_vec(),
            columns: events.columns.slice(start, end - start),
            ..events.clone()
        };
        let features = lane.process(part).unwrap();
        for (flags, late) in features.flags.iter().zip(&refused[start..end]) {
            let expected = if *late { Flags::LATE } else { Flags::empty() };
            assert_eq!(*flags, expected);
        }
        batches.push(features.features);
    }
    let features = arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap();
    named(events, &features)
}

fn named(events: &EventBatch, features: &RecordBatch) -> RecordBatch {
    let ids = events.column(Column::EventId).unwrap().clone();
    let mut columns: Vec<(String, ArrayRef)> = vec![("event_id".into(), ids)];
    let schema = features.schema();
    for (field, array) in schema.fields().iter().zip(features.columns()) {
        columns.push((field.name().clone(), array.clone()));
    }
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn theirs(events: &EventBatch) -> (Declared, Rows, RecordBatch) {
    let declared = Declared::parse(CATALOG).unwrap();
    assert_eq!(declared.left_out, []);
    let rows = Rows::new(events.columns.clone(), KeySpec::terminal().columns()).unwrap();
    let features = rolling::compute(&declared, &rows).unwrap();
    (declared, rows, features)
}

/// Counts, sums and whatever else is not rounded on its way.
fn is_exact(aggregate: Aggregate) -> bool {
    !matches!(aggregate, Aggregate::Mean | Aggregate::Stddev)
}

#[test]
fn the_same_where_no_two_records_share_a_time() {
    let settings = SimulatorSettings {
        late_fraction: 0.0,
        advice_fraction: 0.0,
        ..busy()
    };
    let events = with_grain(&simulated(&settings), 0);
    let (declared, rows, polars) = theirs(&events);
    let marks = rows.marks();
    assert!(!marks.same_time.contains(&true) && !marks.known_later.contains(&true));
    let ours = ours(&events, "6h", &marks.late);
    let found = compare(&ours, &named(&events, &polars), "event_id", 1e-9).unwrap();
    assert_eq!(found.features.len(), declared.features.len());
    for feature in &found.features {
        assert_eq!(
            (feature.rows, feature.mismatches),
            (RECORDS as u64, 0),
            "{feature:?}"
        );
    }
    for feature in declared.features.iter().filter(|f| is_exact(f.aggregate)) {
        let column = |table: &RecordBatch| -> Vec<Option<u64>> {
            let values = table.column_by_name(&feature.name).unwrap();
            let values = values.as_primitive::<Float64Type>().iter();
            values.map(|value| value.map(f64::to_bits)).collect()
        };
        assert_eq!(column(&ours), column(&polars), "{}", feature.name);
        // A feature that says the same of every record would be checked by nothing.
        let different: HashSet<_> = column(&ours).into_iter().collect();
        assert!(different.len() > 2, "{}", feature.name);
    }
}

#[test]
fn differs_only_where_records_share_a_time_or_come_late() {
    let settings = SimulatorSettings {
        late_fraction: 0.01,
        advice_fraction: 0.0,
        ..busy()
    };
    // Whole seconds, as most sites send them.
    let events = with_grain(&simulated(&settings), 1000);
    let (_, rows, polars) = theirs(&events);
    let marks = rows.marks();
    let of = |marks: &[bool]| marks.iter().filter(|mark| **mark).count() as u64;
    let (same_time, known_later) = (of(&marks.same_time), of(&marks.known_later));
    assert!(
        same_time > 20 && known_later > 20,
        "{same_time}, {known_later}"
    );
    let ours = ours(&events, "6h", &marks.late);
    let found = compare(&ours, &named(&events, &polars), "event_id", 1e-9).unwrap();
    assert!(
        !found.marked,
        "marks come with the file that the tool writes"
    );
    let marked = |row: usize| marks.same_time[row] || marks.known_later[row];
    let mut explained = 0;
    for feature in &found.features {
        let column = |table: &RecordBatch| -> Vec<Option<f64>> {
            let values = table.column_by_name(&feature.name).unwrap();
            values.as_primitive::<Float64Type>().iter().collect()
        };
        for (row, (a, b)) in column(&ours).into_iter().zip(column(&polars)).enumerate() {
            let same = match (a, b) {
                (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0),
                (a, b) => a == b,
            };
            assert!(
                same || marked(row),
                "{} of row {row}: {a:?}, {b:?}",
                feature.name
            );
            explained += u64::from(!same);
        }
        assert!(feature.mismatches <= same_time + known_later, "{feature:?}");
    }
    assert!(explained > 0, "the two do differ where they must");
}

/// Columns with names and times as a site may have them.
fn as_a_site_has_it(events: &EventBatch) -> RecordBatch {
    let times = events.event_times_ms().unwrap().to_vec();
    let mut columns: Vec<(String, ArrayRef, bool)> = Vec::new();
    for (field, array) in events
        .columns
        .schema()
        .fields()
        .iter()
        .zip(events.columns.columns())
    {
        let (name, array): (&str, ArrayRef) = match field.name().as_str() {
            "event_time" => (
                "when",
                Arc::new(TimestampMillisecondArray::from(times.clone())),
            ),
            "amount_minor" => ("cents", array.clone()),
            name => (name, array.clone()),
        };
        columns.push((name.to_owned(), array, true));
    }
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// `table` with 1 added to `column` in one row.
fn with_one_more(table: &RecordBatch, column: &str, row: usize) -> RecordBatch {
    let mut arrays = table.columns().to_vec();
    let index = table.schema().index_of(column).unwrap();
    let values = arrays[index].as_primitive::<Float64Type>().iter();
    let values = values
        .enumerate()
        .map(|(at, value)| value.map(|value| if at == row { value + 1.0 } else { value }));
    arrays[index] = Arc::new(values.collect::<arrow::array::Float64Array>());
    RecordBatch::try_new(table.schema(), arrays).unwrap()
}

#[test]
fn the_commands_do_the_same_over_files() {
    let settings = SimulatorSettings {
        advice_fraction: 0.02,
        ..busy()
    };
    let events = with_grain(&simulated(&settings), 1000);
    let rows = Rows::new(events.columns.clone(), KeySpec::terminal().columns()).unwrap();
    let marks = rows.without_late(600_000).marks();
    assert!(marks.late.contains(&true));
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let write = |name: &str, table: &RecordBatch| {
        let file = File::create(path(name)).unwrap();
        let mut writer = ArrowWriter::try_new(file, table.schema(), None).unwrap();
        writer.write(table).unwrap();
        writer.close().unwrap();
    };
    write("day.parquet", &as_a_site_has_it(&events));
    std::fs::write(path("catalog.toml"), CATALOG).unwrap();
    let lab = || Command::new(env!("CARGO_BIN_EXE_tillwatch-lab"));
    let computed = lab()
        .args(["features", "--key", "acquirer_id,merchant_id,terminal_id"])
        .args(["--time", "when", "--column", "amount_minor=cents"])
        .args(["--allowed-lateness", "10m"])
        .args([&"--catalog".into(), &path("catalog.toml")])
        .args([&"--input".into(), &path("day.parquet")])
        .args([&"--output".into(), &path("polars.parquet")])
        .output()
        .unwrap();
    assert!(computed.status.success(), "{computed:?}");

    let table = ours(&events, "10m", &marks.late);
    write("ours.parquet", &table);
    let compared = |ours: &str| {
        let output = lab()
            .arg("compare")
            .args([&"--ours".into(), &path(ours)])
            .args([&"--theirs".into(), &path("polars.parquet")])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text)
    };
    let (code, text) = compared("ours.parquet");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("feature\trows\tmismatches\t"), "{text}");
    assert!(
        text.lines().skip(1).all(|line| line.ends_with("\t0")),
        "{text}"
    );

    // One wrong value in one row that shares its time with no other.
    let plain = (0..events.len())
        .find(|row| !marks.same_time[*row] && !marks.known_later[*row] && !marks.late[*row])
        .unwrap();
    write("wrong.parquet", &with_one_more(&table, "amount_1h", plain));
    let (code, text) = compared("wrong.parquet");
    assert_eq!(code, Some(1), "{text}");
    let line = text.lines().find(|line| line.starts_with("amount_1h\t"));
    assert!(line.unwrap().ends_with("\t1"), "{text}");
}
