//! Codes and ids typed in every way that producers have, read by the shipped catalog and rules.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray as _, BinaryArray, Float64Array, Int64Array, RecordBatch, StructArray,
};
use arrow::datatypes::{DataType, Field, Float64Type};
use parquet::arrow::ArrowWriter;
use tillwatch_records::ScoreBatch;
use tillwatch_records::limits::BATCH_RECORDS_MAX;
use tillwatch_simulator::{FieldSet, Fleet, SimulatorSettings};

use crate::shipped::Chain;
use crate::site::{RULES_MODEL, Site};

const RECORDS: usize = 100_000;

/// Members of the simulated records that are codes or ids of digits.
const NAMES: &[&str] = &[
    "mti",
    "mcc",
    "processing_code",
    "currency",
    "entry_mode",
    "response_code",
    "tvr",
    "acquirer_country",
    "acquirer_id",
    "merchant_id",
    "terminal_id",
    "hardware_serial",
];

/// How producers type a text.
#[derive(Debug, Clone, Copy)]
enum Typing {
    /// As the column has it.
    Canonical,
    /// Filled up with blanks, letters in lower case where they are codes.
    Padded,
    /// Digits as an integer.
    Integer,
    /// Digits as a double.
    Double,
}

/// `json` with its codes and ids typed as `typing` says; nothing else is touched.
fn retyped(json: &str, typing: Typing) -> String {
    let mut out = String::with_capacity(2 * json.len());
    let mut rest = json;
    while let Some(at) = rest.find("\":\"") {
        let (before, value) = rest.split_at(at + 3);
        let name = before[..at].rsplit('"').next().unwrap_or_default();
        let end = value.find('"').expect("a text ends");
        let text = &value[..end];
        out.push_str(&before[..at + 2]);
        write_text(&mut out, name, text, typing);
        rest = &value[end + 1..];
    }
    out + rest
}

fn write_text(out: &mut String, name: &str, text: &str, typing: Typing) {
    let is_id = name.ends_with("_id") || name == "hardware_serial";
    let digits = text.trim_start_matches('0');
    // An id that is typed as a number never had zeros in front.
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !(is_id && digits != text);
    let digits = if digits.is_empty() { "0" } else { digits };
    let written = match typing {
        _ if !NAMES.contains(&name) => write!(out, "\"{text}\""),
        Typing::Padded if is_id => write!(out, "\"{text}   \""),
        Typing::Padded => write!(out, "\" {} \"", text.to_lowercase()),
        Typing::Integer if is_number => write!(out, "{digits}"),
        Typing::Double if is_number => write!(out, "{digits}.0"),
        _ => write!(out, "\"{text}\""),
    };
    written.expect("a string takes all");
}

/// Everything that a score says.
fn said(scores: &ScoreBatch) -> String {
    format!(
        "{:?} {:?} {:?}",
        scores.scores, scores.bands, scores.reasons
    )
}

#[test]
fn records_are_retyped_and_nothing_else() {
    let json =
        r#"{"event_id":"007","mcc":"0742","stan":7,"terminal_id":"T01","acquirer_id":"100111"}"#;
    assert_eq!(retyped(json, Typing::Canonical), json);
    assert_eq!(
        retyped(json, Typing::Double),
        r#"{"event_id":"007","mcc":742.0,"stan":7,"terminal_id":"T01","acquirer_id":100111.0}"#
    );
    assert_eq!(
        retyped(json, Typing::Padded),
        r#"{"event_id":"007","mcc":" 0742 ","stan":7,"terminal_id":"T01   ","acquirer_id":"100111   "}"#
    );
}

/// The decoded columns are the same for every typing, and so is what is made of them: that is looked at for
/// records that are typed by turns, as where several producers write to a topic.
#[test]
fn the_shipped_rules_say_the_same_however_codes_are_typed() {
    let settings = SimulatorSettings {
        seed: 11,
        terminals: 2_000,
        fields: FieldSet::Full,
        ..Default::default()
    };
    let mut fleet = Fleet::new(&settings).expect("the settings are right");
    let (mut canonical, mut mixed) = (Chain::new(), Chain::new());
    let mut with_reasons = 0;
    for first in (0..RECORDS).step_by(BATCH_RECORDS_MAX) {
        let count = BATCH_RECORDS_MAX.min(RECORDS - first);
        let records: Vec<String> = std::iter::repeat_with(|| {
            let mut json = Vec::new();
            fleet.next(&mut json);
            String::from_utf8(json).expect("JSON is text")
        })
        .take(count)
        .collect();
        let batch = |typing: &dyn Fn(usize) -> Typing| -> Vec<String> {
            let records = records.iter().enumerate();
            records
                .map(|(row, json)| retyped(json, typing(row)))
                .collect()
        };
        let columns = canonical.columns(&records);
        for typing in [Typing::Padded, Typing::Integer, Typing::Double] {
            let found = canonical.columns(&batch(&|_| typing));
            assert_eq!(found, columns, "{typing:?}, records from {first} on");
        }
        let by_turns = batch(&|row| {
            [
                Typing::Integer,
                Typing::Padded,
                Typing::Double,
                Typing::Canonical,
            ][row % 4]
        });
        let (expected, found) = std::thread::scope(|scope| {
            let found = scope.spawn(|| mixed.score_all(&by_turns));
            let expected = canonical.score_all(&records);
            (expected, found.join().expect("the scorer came to its end"))
        });
        let rows = 0..expected.len();
        with_reasons += rows
            .filter(|row| !expected.reasons.row(*row).is_empty())
            .count();
        assert_eq!(said(&found), said(&expected));
    }
    assert!(with_reasons > 0, "no rule had anything to say");
}

const CATALOG: &str = r#"
name = "probe"
[[feature]]
name = "count_1h"
aggregate = "count"
window = "1h"
[[feature]]
name = "is_known"
aggregate = "value"
expression = "registry_known"
[[feature]]
name = "is_approved"
aggregate = "value"
expression = "response_code = '00'"
[[feature]]
name = "is_chip"
aggregate = "value"
expression = "entry_mode = '05'"
[[feature]]
name = "is_of_site"
aggregate = "value"
expression = "mcc = registry_mcc"
[[feature]]
name = "amount"
aggregate = "value"
expression = "amount_minor"
"#;

const RULES: &str = r#"
prior = 0.001
[[rule]]
code = "LARGE"
severity = "info"
when = "amount > 1000000"
probability = 0.5
feature = "amount"
words = "A large amount"
"#;

const SITE: &str = r#"
[entity]
key = ["terminal_id"]
[features]
catalog = "probe.toml"
[reference]
path = "terminals.csv"
[models]
champion = "rules"
[decode.units]
amount = "major"
"#;

fn site(records: &str) -> Site {
    Site::with(&[
        ("probe.toml", CATALOG),
        ("rules/model.toml", RULES_MODEL),
        ("rules/rules.toml", RULES),
        ("terminals.csv", "terminal_id,mcc\nT1      ,742\n17,5411\n"),
        ("in.jsonl", records),
    ])
}

/// The values of a feature, nulls as NaN.
fn feature(table: &RecordBatch, name: &str) -> Vec<f64> {
    let column = table.column_by_name(name).expect("the feature is there");
    let column = column.as_primitive::<Float64Type>();
    column
        .iter()
        .map(|value| value.unwrap_or(f64::NAN))
        .collect()
}

#[test]
fn records_and_reference_table_meet_whatever_their_ids_are_filled_up_with() {
    let records = [
        r#""terminal_id":"T1","mcc":"0742","response_code":"00","entry_mode":"05","currency":"EUR","amount_minor":17.13"#,
        r#""terminal_id":"T1      ","mcc":742,"response_code":0,"entry_mode":"051","currency":"978 ","amount_minor":17.130000000000003"#,
        r#""terminal_id":"T1\u0000","mcc":742.0,"response_code":"00  ","entry_mode":"510101510130","currency":978.0,"amount_minor":"17.13""#,
        r#""terminal_id":17.0,"mcc":"grocery","response_code":"APPROVED","entry_mode":"CHIP","currency":"EUR","amount_minor":1"#,
    ];
    let records = records.iter().enumerate().map(|(n, rest)| {
        let time = 1_767_600_000_000_i64 + 1000 * n as i64;
        format!(r#"{{"event_id":"e{n}","event_time":{time},{rest}}}"#)
    });
    let (said, table) = site(&records.collect::<Vec<_>>().join("\n")).score(SITE);
    assert_eq!(feature(&table, "count_1h"), [1.0, 2.0, 3.0, 1.0]);
    assert_eq!(feature(&table, "is_known"), [1.0; 4]);
    assert_eq!(feature(&table, "is_approved"), [1.0, 1.0, 1.0, 0.0]);
    assert_eq!(feature(&table, "is_chip"), [1.0, 1.0, 1.0, 0.0]);
    assert_eq!(feature(&table, "is_of_site"), [1.0, 1.0, 1.0, 0.0]);
    assert_eq!(feature(&table, "amount"), [1713.0, 1713.0, 1713.0, 100.0]);
    let told = "unknown codes, which features and rules see as they are: entry_mode 1, mcc 1, \
                response_code 1";
    assert!(said.contains(told), "{said}");
}

/// What pandas makes of a table: doubles where something is missing, bytes where nobody said that they are
/// text, structures.
#[test]
fn parquet_says_the_same_as_json() {
    let site = site("");
    let bytes =
        |values: [&'static str; 3]| -> ArrayRef { Arc::new(BinaryArray::from_iter_values(values)) };
    let doubles =
        |values: [Option<f64>; 3]| -> ArrayRef { Arc::new(Float64Array::from(values.to_vec())) };
    let inner: Vec<(&str, ArrayRef)> = vec![
        (
            "amount",
            doubles([Some(5.0 * 17.13), Some(0.1 + 0.2), Some(57.16)]),
        ),
        ("currency", bytes(["EUR", "eur ", "978"])),
        ("mcc", doubles([Some(742.0), Some(742.0), None])),
    ];
    let fields = inner
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), true));
    let fields: Vec<Field> = fields.collect();
    let columns = inner.into_iter().map(|(_, column)| column).collect();
    let inner = StructArray::try_new(fields.into(), columns, None).expect("a structure");
    let times = Int64Array::from(vec![
        1_767_600_000_000_i64,
        1_767_600_001_000,
        1_767_600_002_000,
    ]);
    // As large as ids of 16 digits are, one apart.
    let ids = [
        9_006_011_000_000_001.0,
        9_006_011_000_000_002.0,
        9_006_011_000_000_003.0,
    ];
    let batch = RecordBatch::try_from_iter([
        ("event_id", doubles(ids.map(Some))),
        ("event_time", Arc::new(times) as ArrayRef),
        ("terminal_id", bytes(["T1", "T1\0\0", "T1  "])),
        ("response_code", doubles([Some(0.0), Some(51.0), Some(0.0)])),
        ("entry_mode", doubles([Some(51.0), None, Some(5.0)])),
        ("tx", Arc::new(inner) as ArrayRef),
    ])
    .expect("columns of one length");
    assert_eq!(*batch.column(0).data_type(), DataType::Float64);
    let file = std::fs::File::create(site.path("in.parquet")).expect("a file can be made");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("it is written");
    writer.close().expect("it is written");
    let fields = "[decode.fields]\namount_minor = \"tx.amount\"\ncurrency = \"tx.currency\"\n\
                  mcc = \"tx.mcc\"";
    let (said, table) = site.score_file(&format!("{SITE}{fields}"), "in.parquet");
    assert!(!said.contains("unknown codes"), "{said}");
    assert_eq!(feature(&table, "count_1h"), [1.0, 2.0, 3.0]);
    assert_eq!(feature(&table, "is_known"), [1.0; 3]);
    assert_eq!(feature(&table, "is_approved"), [1.0, 0.0, 1.0]);
    assert_eq!(feature(&table, "amount"), [8565.0, 30.0, 5716.0]);
    let chip = feature(&table, "is_chip");
    assert_eq!((chip[0], chip[1].is_nan(), chip[2]), (1.0, true, 1.0));
    let found = table.column_by_name("event_id").expect("ids are there");
    let found: Vec<_> = found.as_string::<i32>().iter().flatten().collect();
    assert_eq!(
        found,
        ["9006011000000001", "9006011000000002", "9006011000000003"]
    );
}
