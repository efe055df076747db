use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    Float64Array, Int8Array, Int64Array, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, UInt64Array,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Int8Type, Schema, SchemaRef, TimeUnit};
use tillwatch_records::{Column, EventBatch, KeySpec, Projection, RecordKind, TopicPartition};

use super::*;

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(values.iter().copied().collect::<StringArray>())
}

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap()
}

fn key() -> KeySpec {
    KeySpec::from_names(&["merchant_id", "terminal_id"]).unwrap()
}

/// Three terminals; the first merchant's name has the separator in it.
fn rows() -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("terminal_id", texts(&[Some("1"), Some("b/1"), Some("007")])),
        ("merchant_id", texts(&[Some("a/b"), Some("a"), Some("a")])),
        ("model", texts(&[Some("X"), None, Some("Y")])),
        (
            "floor_limit_minor",
            Arc::new(Int64Array::from(vec![Some(5_000), None, Some(0)])),
        ),
        (
            "time_zone",
            texts(&[Some("Europe/Paris"), None, Some("America/New_York")]),
        ),
        (
            "opening_hours",
            texts(&[
                Some("Mo-Sa 08:00-20:00"),
                Some("24/7"),
                Some("Fr 20:00-02:00"),
            ]),
        ),
    ]
}

fn ms(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

/// Records of (merchant, terminal) at times.
fn events(records: &[(Option<&str>, &str, i64)]) -> EventBatch {
    let projection = Projection::new([Column::MerchantId, Column::TerminalId, Column::EventTime]);
    let merchants: StringArray = records.iter().map(|record| record.0).collect();
    let terminals: StringArray = records.iter().map(|record| Some(record.1)).collect();
    let times: TimestampMillisecondArray = records.iter().map(|record| Some(record.2)).collect();
    let arrays = projection.columns().iter().map(|column| match column {
        Column::MerchantId => Arc::new(merchants.clone()) as ArrayRef,
        Column::TerminalId => Arc::new(terminals.clone()),
        _ => Arc::new(times.clone().with_timezone("UTC")),
    });
    let columns = RecordBatch::try_new(Arc::clone(projection.schema()), arrays.collect()).unwrap();
    EventBatch {
        source: TopicPartition::new("t", 0),
        topic_id: None,
        offsets: (0..records.len() as i64).collect(),
        record_timestamps_ms: vec![0; records.len()],
        kinds: vec![RecordKind::Transaction; records.len()],
        projection: Arc::new(projection),
        columns,
        joined: None,
        marks: Vec::new(),
    }
}

fn wanted(table: &ReferenceTable, names: &[&str]) -> SchemaRef {
    let fields = names
        .iter()
        .map(|name| table.schema().field_with_name(name).unwrap().clone());
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn join(table: &ReferenceTable, events: &EventBatch, names: &[&str]) -> RecordBatch {
    table.join(events, &key().of(events), &wanted(table, names))
}

fn ints(batch: &RecordBatch, name: &str) -> Vec<Option<i64>> {
    let array = batch.column_by_name(name).unwrap();
    array
        .as_primitive::<arrow::datatypes::Int64Type>()
        .iter()
        .collect()
}

#[test]
fn rows_are_found_by_the_key_of_records() {
    let table = ReferenceTable::new(&table(rows()), &key()).unwrap();
    let events = events(&[
        (Some("a"), "007", 0),
        (Some("a/b"), "1", 0),
        (Some("a"), "7", 0),
        (Some("a"), "b/1", 0),
        (None, "1", 0),
        (Some("a"), "007", 0),
    ]);
    let names = [
        "registry_model",
        "registry_known",
        "registry_floor_limit_minor",
    ];
    let joined = join(&table, &events, &names);
    assert_eq!(joined.num_columns(), 3);
    assert_eq!(joined.num_rows(), 6);
    let models: Vec<_> = joined.column(0).as_string::<i32>().iter().collect();
    assert_eq!(
        models,
        vec![Some("Y"), Some("X"), None, None, None, Some("Y")]
    );
    assert_eq!(
        ints(&joined, "registry_known"),
        [1, 1, 0, 1, 0, 1].map(Some).to_vec()
    );
    assert_eq!(
        ints(&joined, "registry_floor_limit_minor"),
        vec![Some(0), Some(5_000), None, None, None, Some(0)]
    );
}

#[test]
fn clocks_and_hours_are_those_of_the_place() {
    let table = ReferenceTable::new(&table(rows()), &key()).unwrap();
    let (paris, new_york) = ((Some("a/b"), "1"), (Some("a"), "007"));
    let at = |(merchant, terminal), time| (merchant, terminal, ms(time));
    let events = events(&[
        // The clocks of Paris go on from two to three on 2026-03-29.
        at(paris, "2026-03-29T00:59:59.999Z"),
        at(paris, "2026-03-29T01:00:00Z"),
        // Saturday, one minute before and at closing time in summer.
        at(paris, "2026-07-04T17:59:59.999Z"),
        at(paris, "2026-07-04T18:00:00Z"),
        // Saturday at one in the morning in New York, then at two.
        at(new_york, "2026-07-04T05:00:00Z"),
        at(new_york, "2026-07-04T06:00:00Z"),
        at((Some("a"), "b/1"), "2026-07-04T06:00:00Z"),
        at((Some("a"), "nobody"), "2026-07-04T06:00:00Z"),
    ]);
    let joined = join(
        &table,
        &events,
        &["registry_utc_offset_minutes", "registry_open"],
    );
    let offsets = [
        Some(60),
        Some(120),
        Some(120),
        Some(120),
        Some(-240),
        Some(-240),
        None,
        None,
    ];
    assert_eq!(
        ints(&joined, "registry_utc_offset_minutes"),
        offsets.to_vec()
    );
    let open = [
        Some(0),
        Some(0),
        Some(1),
        Some(0),
        Some(1),
        Some(0),
        None,
        None,
    ];
    assert_eq!(ints(&joined, "registry_open"), open.to_vec());
}

#[test]
fn every_type_becomes_one_that_expressions_read() {
    let dictionary: DictionaryArray<Int8Type> = vec!["x", "y"].into_iter().collect();
    let decimal = Decimal128Array::from(vec![150, -25])
        .with_precision_and_scale(9, 2)
        .unwrap();
    let micros = TimestampMicrosecondArray::from(vec![1_500, 2_000_000]).with_timezone("+02:00");
    let zone_less = TimestampMillisecondArray::from(vec![1, 2]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "terminal_id",
            Arc::new(StringViewArray::from(vec!["1", "2"])),
        ),
        ("dictionary", Arc::new(dictionary)),
        ("int8", Arc::new(Int8Array::from(vec![-1, 1]))),
        ("flag", Arc::new(BooleanArray::from(vec![true, false]))),
        ("decimal", Arc::new(decimal)),
        ("since", Arc::new(Date32Array::from(vec![1, 0]))),
        ("seen", Arc::new(micros)),
        ("zone_less", Arc::new(zone_less)),
    ];
    let key = KeySpec::from_names(&["terminal_id"]).unwrap();
    let table = ReferenceTable::new(&table(columns), &key).unwrap();
    let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    let types: Vec<_> = table
        .schema()
        .fields()
        .iter()
        .map(|f| (f.name().as_str(), f.data_type().clone()))
        .collect();
    assert_eq!(
        types,
        vec![
            ("registry_terminal_id", DataType::Utf8),
            ("registry_dictionary", DataType::Utf8),
            ("registry_int8", DataType::Int64),
            ("registry_flag", DataType::Int64),
            ("registry_decimal", DataType::Float64),
            ("registry_since", time.clone()),
            ("registry_seen", time.clone()),
            ("registry_zone_less", time),
            ("registry_known", DataType::Int64),
        ]
    );
    let events = events(&[(None, "1", 0), (None, "2", 0)]);
    let joined = table.join(&events, &key.of(&events), table.schema());
    assert_eq!(ints(&joined, "registry_flag"), vec![Some(1), Some(0)]);
    let floats = joined
        .column(4)
        .as_primitive::<arrow::datatypes::Float64Type>();
    assert_eq!(floats.values().as_ref(), [1.5, -0.25]);
    let times = |column: usize| {
        let array = joined.column(column);
        let times = array.as_primitive::<arrow::datatypes::TimestampMillisecondType>();
        times.values().to_vec()
    };
    assert_eq!(times(5), vec![86_400_000, 0]);
    assert_eq!(times(6), vec![1, 2_000]);
    assert_eq!(times(7), vec![1, 2]);
}

/// The message about `rows` with `column` in place of what is there, or added.
fn refused(name: &str, column: ArrayRef) -> String {
    let mut columns = rows();
    columns.retain(|(other, _)| *other != name);
    columns.push((name, column));
    ReferenceTable::new(&table(columns), &key())
        .unwrap_err()
        .to_string()
}

#[test]
fn texts_are_as_the_decoder_makes_them_of_records() {
    let mut columns = rows();
    columns[0].1 = texts(&[Some("1  "), Some(" b/1\0"), Some("007")]);
    columns[1].1 = Arc::new(BinaryArray::from_vec(vec![b"a/b  ", b"a", b"a"]));
    columns.push(("mcc", Arc::new(Int64Array::from(vec![742, 5411, 0]))));
    let countries = Float64Array::from(vec![Some(56.0), None, Some(276.0)]);
    columns.push(("acquirer_country", Arc::new(countries)));
    columns.push(("currency", texts(&[Some("eur "), Some("48"), Some("  ")])));
    columns.push(("rate", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0]))));
    let table = ReferenceTable::new(&table(columns), &key()).unwrap();
    let events = events(&[
        (Some("a/b"), "1", 0),
        (Some("a"), "b/1", 0),
        (Some("a"), "007", 0),
    ]);
    let joined = table.join(&events, &key().of(&events), table.schema());
    let text = |name: &str| {
        let column = joined.column_by_name(name).unwrap().as_string::<i32>();
        column
            .iter()
            .map(|text| text.unwrap_or("-"))
            .collect::<Vec<_>>()
    };
    assert_eq!(text("registry_mcc"), ["0742", "5411", "0000"]);
    assert_eq!(text("registry_acquirer_country"), ["056", "-", "276"]);
    assert_eq!(text("registry_currency"), ["EUR", "048", "-"]);
    let rates = joined.column_by_name("registry_rate").unwrap();
    assert_eq!(*rates.data_type(), DataType::Float64);
}

#[test]
fn what_is_wrong_is_said_with_its_row() {
    let binary: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"a", b"\xff", b"c"]));
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let large: ArrayRef = Arc::new(UInt64Array::from(vec![1, u64::MAX, 3]));
    for (name, column, words) in [
        (
            "terminal_id",
            texts(&[Some("1"), Some("2"), Some("2")]),
            "row 3: the key `a/2` is there already, in row 2",
        ),
        (
            "terminal_id",
            texts(&[Some("1"), None, Some("2")]),
            "row 2: `terminal_id` is missing",
        ),
        (
            "terminal_id",
            numbers.clone(),
            "has type Int64; write it as text",
        ),
        (
            "time_zone",
            numbers.clone(),
            "column `time_zone` has type Int64; write it as text",
        ),
        (
            "time_zone",
            texts(&[None, Some("Europe/Pari"), None]),
            "row 2: `Europe/Pari` is not a time zone of the IANA database; did you mean `Europe/Paris`?",
        ),
        (
            "opening_hours",
            texts(&[None, None, Some("Mon 8-9")]),
            "row 3: opening hours `Mon 8-9`: `Mon` is no day",
        ),
        (
            "photo",
            binary,
            "column `photo` has type Binary; text, integers",
        ),
        (
            "known",
            numbers.clone(),
            "column `known` has the name of a derived one",
        ),
        ("serial", large, "column `serial`: "),
    ] {
        let message = refused(name, column);
        assert!(message.contains(words), "{message}");
    }
    let mut columns = rows();
    columns[1].0 = "merchant";
    let error = ReferenceTable::new(&table(columns), &key()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the key column `merchant_id` is missing; did you mean `merchant`?; add it, or change [entity] key"
    );
    let twice = table(rows());
    let mut fields: Vec<_> = twice.schema().fields().to_vec();
    fields.push(Arc::clone(&fields[2]));
    let mut arrays = twice.columns().to_vec();
    arrays.push(Arc::clone(&arrays[2]));
    let twice = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    let error = ReferenceTable::new(&twice, &key()).unwrap_err();
    assert!(
        error.to_string().contains("`model` is there twice"),
        "{error}"
    );
}

#[test]
fn a_successor_must_have_what_is_read() {
    let first = ReferenceTable::new(&table(rows()), &key()).unwrap();
    let read = wanted(&first, &["registry_model", "registry_open"]);
    assert_eq!(first.fits(&read), Ok(()));
    let mut columns = rows();
    columns.remove(2);
    let second = ReferenceTable::new(&table(columns), &key()).unwrap();
    assert_eq!(
        second.fits(&read).unwrap_err().to_string(),
        "column `registry_model` is read by catalog or models and is not there; put it back, or \
         change those first"
    );
    let mut columns = rows();
    columns[2].1 = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let third = ReferenceTable::new(&table(columns), &key()).unwrap();
    let message = third.fits(&read).unwrap_err().to_string();
    assert!(message.contains("as Utf8, and is Int64 here"), "{message}");
}

#[test]
fn the_version_is_that_of_the_content() {
    let version = |columns| {
        ReferenceTable::new(&table(columns), &key())
            .unwrap()
            .version()
            .to_owned()
    };
    let first = version(rows());
    assert_eq!(first.len(), 16);
    assert!(first.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let whole = table(rows());
    let pieces = [whole.slice(0, 1), whole.slice(1, 2)];
    let together = concat_batches(&whole.schema(), &pieces).unwrap();
    assert_eq!(
        ReferenceTable::new(&together, &key()).unwrap().version(),
        first
    );
    let sliced = concat_batches(&whole.schema(), [&whole.slice(2, 1), &whole]).unwrap();
    let sliced = ReferenceTable::new(&sliced.slice(1, 3), &key()).unwrap();
    assert_eq!(sliced.version(), first);
    let mut renamed = rows();
    renamed[2].0 = "type";
    let mut emptied = rows();
    emptied[2].1 = texts(&[Some("X"), Some(""), Some("Y")]);
    let mut moved = rows();
    moved[2].1 = texts(&[Some("XY"), None, Some("")]);
    for other in [renamed, emptied, moved] {
        assert_ne!(version(other), first);
    }
}
