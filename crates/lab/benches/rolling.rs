//! The stream against polars' rolling windows over the same columns: `cargo bench -p tillwatch-lab`.
//!
//! Count, sum and mean of one key over 1, 7 and 30 days, of the handbook's transactions where they are
//! beside the repository, else of simulated ones. Both start from columns in memory (key as text, time,
//! amount) and end with nine columns in memory. Polars is given all rows at once, in two ways; the
//! stream gets them in batches of 2,048, on one thread, and neither looks at event ids.
//!
//! Polars fixes its number of threads when it starts, so each number is a process of its own.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a bench measures how long things take, and ends with a message where it cannot"
)]

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use polars::prelude::{
    DataFrame, Duration, Expr, IntoColumn as _, IntoLazy as _, LazyFrame, NamedFrom as _,
    RollingGroupOptions, Series, TimeUnit, col, len,
};
use polars_time::{ClosedWindow, chunkedarray::RollingOptionsDynamicWindow};
use tillwatch_decode::{DecodePlan, DecodeSettings, Decoder};
use tillwatch_feature_extraction::{Catalog, EngineSettings, FeatureLane, Plan};
use tillwatch_lab::rows::Rows;
use tillwatch_lab::table::{Mapping, read_canonical};
use tillwatch_records::units::ByteSize;
use tillwatch_records::{
    Column, EventBatch, KeySpec, Projection, RawBatch, RecordKind, TopicPartition,
};
use tillwatch_simulator::{Fleet, SimulatorSettings};

const DAYS: [i64; 3] = [1, 7, 30];

/// What a lane gets when it is busy.
const BATCH_RECORDS: usize = 2048;

/// Without the handbook's set.
const SIMULATED_RECORDS: i64 = 500_000;

/// The best of so many runs counts.
const RUNS: usize = 3;

const COLUMNS: [Column; 3] = [Column::EventTime, Column::TerminalId, Column::AmountMinor];

const CATALOG: &str = r#"
name = "rolling"
[[feature]]
name = "count_{window}"
aggregate = "count"
windows = ["1d", "7d", "30d"]
[[feature]]
name = "sum_{window}"
aggregate = "sum"
column = "amount_minor"
windows = ["1d", "7d", "30d"]
[[feature]]
name = "mean_{window}"
aggregate = "mean"
column = "amount_minor"
windows = ["1d", "7d", "30d"]
"#;

/// Argument of the processes that measure.
const MEASURE: &str = "measure";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    if std::env::args().any(|argument| argument == MEASURE) {
        return measure();
    }
    for threads in [Some("1"), None] {
        let mut child = Command::new(std::env::current_exe()?);
        child.arg(MEASURE);
        if let Some(threads) = threads {
            child.env("POLARS_MAX_THREADS", threads);
        }
        let status = child.status()?;
        if !status.success() {
            return Err(format!("measuring failed: {status}").into());
        }
    }
    Ok(())
}

fn measure() -> Result<()> {
    let rows = handbook()?.map_or_else(simulated, Ok)?;
    let records = rows.len() as f64;
    let threads = std::env::var("POLARS_MAX_THREADS").unwrap_or_else(|_| "default".to_owned());
    println!("{records} records, threads of polars: {threads}");
    let frame = frame(&rows)?;
    let batches = batches(&rows)?;
    let mut best = [f64::INFINITY; 3];
    // One after the other in every run, so that a busy machine disturbs all of them.
    for _ in 0..RUNS {
        let times = [
            seconds(|| grouped(&frame))?,
            seconds(|| over(&frame))?,
            seconds(|| stream(&batches))?,
        ];
        for (best, time) in best.iter_mut().zip(times) {
            *best = best.min(time);
        }
    }
    let names = [
        "polars rolling().agg()",
        "polars rolling_*_by().over()",
        "stream, one thread",
    ];
    for (name, time) in names.iter().zip(best) {
        println!("  {name:<30} {:>8.3} µs/record", time / records * 1e6);
    }
    println!(
        "  {:<30} {:>8.2}",
        "fastest of polars / stream",
        best[0].min(best[1]) / best[2]
    );
    Ok(())
}

fn seconds<T>(work: impl FnOnce() -> Result<T>) -> Result<f64> {
    let start = Instant::now();
    let made = black_box(work()?);
    let seconds = start.elapsed().as_secs_f64();
    drop(made);
    Ok(seconds)
}

/// One query per window; rows come out by key.
fn grouped(frame: &LazyFrame) -> Result<Vec<DataFrame>> {
    let amount = || col("amount");
    let query = |days: &i64| {
        let options = RollingGroupOptions {
            index_column: "time".into(),
            period: Duration::try_parse(&format!("{days}d"))?,
            offset: Duration::try_parse(&format!("-{days}d"))?,
            closed_window: ClosedWindow::Right,
        };
        let rolled = frame.clone().rolling(col("time"), [col("key")], options);
        let aggregates = [
            len(),
            amount().sum().alias("sum"),
            amount().mean().alias("mean"),
        ];
        Ok(rolled.agg(aggregates).collect()?)
    };
    DAYS.iter().map(query).collect()
}

/// One query with nine window expressions; rows stay in their order.
fn over(frame: &LazyFrame) -> Result<DataFrame> {
    let mut expressions: Vec<Expr> = Vec::new();
    for days in DAYS {
        let length = Duration::try_parse(&format!("{days}d"))?;
        let options = || RollingOptionsDynamicWindow {
            window_size: length,
            min_periods: 1,
            closed_window: ClosedWindow::Right,
            fn_params: None,
        };
        let (one, amount) = (col("one"), col("amount"));
        for (name, rolled) in [
            ("count", one.rolling_sum_by(col("time"), options())),
            ("sum", amount.clone().rolling_sum_by(col("time"), options())),
            ("mean", amount.rolling_mean_by(col("time"), options())),
        ] {
            expressions.push(rolled.over([col("key")])?.alias(format!("{name}_{days}")));
        }
    }
    Ok(frame.clone().select(expressions).collect()?)
}

fn stream(batches: &[EventBatch]) -> Result<Vec<RecordBatch>> {
    let mut settings = EngineSettings::default();
    settings.state.max_bytes = ByteSize(8 << 30);
    let plan = Plan::compile(&Catalog::parse(CATALOG)?, &settings)?;
    let key = KeySpec::new(vec![Column::TerminalId])?;
    let mut lane = FeatureLane::new(Arc::new(plan), key, 0);
    let batches = batches.iter();
    Ok(batches
        .map(|batch| lane.process(batch.clone()).unwrap().features)
        .collect())
}

/// The rows as polars takes them.
fn frame(rows: &Rows) -> Result<LazyFrame> {
    let keys = rows.array(Column::TerminalId);
    let keys: Vec<Option<&str>> = keys.as_string::<i32>().iter().collect();
    let amounts = rows.array(Column::AmountMinor);
    let amounts = amounts.as_primitive::<Int64Type>().values().to_vec();
    let times = Series::new("time".into(), rows.times_ms());
    let columns = vec![
        Series::new("key".into(), keys).into_column(),
        times
            .into_datetime(TimeUnit::Milliseconds, None)
            .into_column(),
        Series::new("amount".into(), amounts).into_column(),
        Series::new("one".into(), vec![1_i64; rows.len()]).into_column(),
    ];
    Ok(DataFrame::new(rows.len(), columns)?.lazy())
}

/// The rows as a lane takes them.
fn batches(rows: &Rows) -> Result<Vec<EventBatch>> {
    let projection = Arc::new(Projection::new(COLUMNS));
    let arrays = projection
        .columns()
        .iter()
        .map(|column| rows.array(*column));
    let columns = RecordBatch::try_new(projection.schema().clone(), arrays.collect())?;
    let starts = (0..rows.len()).step_by(BATCH_RECORDS);
    let batches = starts.map(|start| {
        let count = BATCH_RECORDS.min(rows.len() - start);
        EventBatch {
            source: TopicPartition::new("bench", 0),
            topic_id: None,
            offsets: (start as i64..).take(count).collect(),
            record_timestamps_ms: rows.times_ms()[start..start + count].to_vec(),
            kinds: vec![RecordKind::Transaction; count],
            projection: Arc::clone(&projection),
            columns: columns.slice(start, count),
            joined: None,
            marks: Vec::new(),
        }
    });
    Ok(batches.collect())
}

/// The public handbook set, if it is here.
fn handbook() -> Result<Option<Rows>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/handbook/transactions.parquet");
    if !path.exists() {
        return Ok(None);
    }
    let names = [
        (Column::EventTime, "TX_DATETIME"),
        (Column::TerminalId, "TERMINAL_ID"),
        (Column::AmountMinor, "TX_AMOUNT"),
    ];
    let mapping = Mapping {
        names: names.map(|(column, name)| (column, name.to_owned())).into(),
        amount_decimals: Some(2),
    };
    let columns = read_canonical(&path, &mapping, &COLUMNS, &COLUMNS)?;
    Ok(Some(Rows::new(columns, &[Column::TerminalId])?))
}

/// Some days of a small fleet, in the order of event times, which polars asks for.
fn simulated() -> Result<Rows> {
    let settings = SimulatorSettings {
        terminals: 1_000,
        late_fraction: 0.0,
        advice_fraction: 0.0,
        ..SimulatorSettings::default()
    };
    let mut fleet = Fleet::new(&settings)?;
    let projection = Arc::new(Projection::new(COLUMNS));
    let key = KeySpec::new(vec![Column::TerminalId])?;
    let plan = DecodePlan::new(&DecodeSettings::default(), projection, &key)?;
    let mut decoder = Decoder::new(Arc::new(plan));
    let mut raw = RawBatch::new(TopicPartition::new("simulation", 0));
    let mut json = Vec::new();
    for offset in 0..SIMULATED_RECORDS {
        json.clear();
        let emitted = fleet.next(&mut json);
        raw.push(offset, Some(emitted.arrival_ms), None, Some(&json), []);
    }
    let columns = decoder.decode(&raw).events.columns;
    Ok(Rows::new(columns, &[Column::TerminalId])?)
}
