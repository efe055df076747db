//! `tillwatch score`: a lane over files.

mod dead_letters;
mod order;
mod summary;
mod table;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;
use std::time::Duration;

use anyhow::{Context as _, Result};
use parking_lot::Mutex;
use tillwatch_decode::Decoded;
use tillwatch_engine::{Assembly, Input, Processed, Workspace};
use tillwatch_records::EventBatch;

use super::progress::Progress;
use super::rows_in::{BatchIn, RowsIn};
use crate::cli::{FileFormat, ScoreArgs};
use crate::config::Config;
use crate::exit::misconfigured;
use crate::files::{Inputs, OutputFormat, STANDARD_INPUT, is_unread, output_format};
use crate::labels::{LabelMerge, RefusedLabels};
use crate::log;
use crate::setup::Setup;
use dead_letters::DeadLetterFile;
use order::TimeOrder;
use summary::Summary;
use table::TableWriter;

/// Batches that may wait between two threads: enough to keep all busy.
const WAITING_BATCHES_MAX: usize = 4;

/// Scores `args.input` into `args.output`.
pub fn score(args: &ScoreArgs) -> Result<()> {
    let config = Config::load(&args.config.config)?;
    log::install(&config.log, &config.notices);
    let format = format(args).map_err(misconfigured)?;
    let dead_letters = args.dead_letters.clone();
    let dead_letters = dead_letters.or_else(|| DeadLetterFile::beside(&args.output));
    let setup = Setup::load(&config)?;
    let inputs = Inputs::find(&args.input.input)?;
    inputs.refuse_output(written_to(&args.output))?;
    if let Some(path) = &dead_letters {
        inputs.refuse_output(path)?;
    }
    let mut rows = RowsIn::open(&args.input, &inputs)?;
    if args.input.sort_by_time {
        rows = rows.sorted_by_time(&config, Some(&args.output))?;
    }
    let table = TableWriter::create(&args.output, format, args.features)?;
    let outputs = Outputs {
        table,
        dead_letters: DeadLetterFile::new(dead_letters, setup.letter_mask),
    };
    let scored = match score_rows(&config, &setup.assembly, rows, outputs) {
        // As of any program in a pipe: whoever reads it has what it wanted.
        Err(error) if args.output == Path::new(STANDARD_INPUT) && is_unread(&error) => {
            return Ok(());
        }
        other => other?,
    };
    let lines = scored.lines(&config, args);
    match args.output == Path::new(STANDARD_INPUT) {
        true => lines.iter().for_each(|line| eprintln!("{line}")),
        false => lines.iter().for_each(|line| println!("{line}")),
    }
    Ok(())
}

/// What the output is written as.
fn format(args: &ScoreArgs) -> Result<OutputFormat, String> {
    let by_name = output_format(&args.output);
    match (args.output_format, by_name) {
        (None, by_name) => by_name,
        (Some(FileFormat::Parquet), _) => Ok(OutputFormat::Parquet),
        (Some(FileFormat::Jsonl), _) => Ok(OutputFormat::JsonLines),
        (Some(FileFormat::Csv), Ok(OutputFormat::Csv { delimiter })) => {
            Ok(OutputFormat::Csv { delimiter })
        }
        (Some(FileFormat::Csv), _) => Ok(OutputFormat::Csv { delimiter: b',' }),
    }
}

/// The file that an output is, also where it is standard output.
fn written_to(output: &Path) -> &Path {
    match output == Path::new(STANDARD_INPUT) {
        true => Path::new("/dev/stdout"),
        false => output,
    }
}

struct Outputs {
    table: TableWriter,
    dead_letters: DeadLetterFile,
}

/// What was found in the rows.
#[derive(Default)]
struct Findings {
    order: TimeOrder,
    labels: RefusedLabels,
}

/// A file that is scored.
struct Scored {
    summary: Summary,
    findings: Findings,
    /// Where the refused rows are.
    kept: Option<PathBuf>,
    took: Duration,
}

impl Scored {
    fn lines(&self, config: &Config, args: &ScoreArgs) -> Vec<String> {
        let (kept, types) = (self.kept.as_deref(), config.scoring.record_types);
        let mut lines = self.summary.lines(types, self.took, kept);
        lines.extend(self.findings.order.remarks());
        if self.summary.is_late() && !args.input.sort_by_time {
            lines.push(
                "rows that are LATE are scored and not remembered: files must be in the order of arrival; \
                 --sort-by-time reads them in the order of their times"
                    .into(),
            );
        }
        if let Some(labels) = config
            .labels
            .as_ref()
            .filter(|_| !self.findings.labels.is_empty())
        {
            lines.push(self.findings.labels.words(&labels.column).to_string());
        }
        lines
    }
}

/// A batch on its way from thread to thread, with what is needed of it at the end.
struct Batch<T> {
    rows: BatchIn,
    /// What the threads so far have made of it.
    made: T,
}

/// Batches as they come from another thread; an error is the last of them.
type Batches<T> = Receiver<Result<Batch<T>>>;

/// Reading, decoding, the lane and writing have a thread each. A thread takes the batches in their order, so
/// the number of threads decides nothing.
fn score_rows(
    config: &Config,
    assembly: &Assembly,
    rows: RowsIn,
    outputs: Outputs,
) -> Result<Scored> {
    let mut decoder = assembly.decoder();
    let mut lane = assembly.lane(0);
    let key = config.stages.key_columns();
    let labels = config.labels.as_ref();
    let column = labels.map_or("", |labels| &labels.column);
    let mut labels = labels.map(|labels| LabelMerge::new(labels, &config.decode, &key));
    let findings = Mutex::new(Findings::default());
    let (summary, kept, took) = std::thread::scope(|scope| {
        let raw = read(scope, rows);
        let found = &findings;
        let decoded = relay(scope, raw, move |rows, ()| {
            let decoded = decoder.decode(&rows.raw);
            let mut found = found.lock();
            note_times(&mut found.order, rows, &decoded.events);
            match &mut labels {
                None => Ok(decoded),
                Some(labels) => {
                    let number = |offset| rows.number_of(offset);
                    let (raw, refused) = (&rows.raw, &mut found.labels);
                    let events = labels.merge(raw, decoded.events, number, refused)?;
                    Ok(Decoded { events, ..decoded })
                }
            }
        });
        let mut workspace = Workspace::default();
        let scored = relay(scope, decoded, move |_, decoded| {
            Ok(lane.process(Input::Decoded(decoded), &mut workspace, &mut ())?)
        });
        write(scored, outputs, found, column)
    })?;
    Ok(Scored {
        summary,
        findings: findings.into_inner(),
        kept,
        took,
    })
}

fn note_times(order: &mut TimeOrder, rows: &BatchIn, events: &EventBatch) {
    let times = events.event_times_ms().unwrap_or_default();
    for (offset, time_ms) in events.offsets.iter().zip(times) {
        order.note(rows.number_of(*offset), *time_ms);
    }
}

/// Makes something of every batch on a thread of its own: `each` is given the batch as it was read and what
/// the thread before has made of it.
fn relay<'scope, T, U>(
    scope: &'scope Scope<'scope, '_>,
    batches: Batches<T>,
    mut each: impl FnMut(&BatchIn, T) -> Result<U> + Send + 'scope,
) -> Batches<U>
where
    T: Send + 'scope,
    U: Send + 'scope,
{
    let (out, received) = sync_channel(WAITING_BATCHES_MAX);
    scope.spawn(move || {
        for batch in batches {
            let batch = batch.and_then(|Batch { rows, made }| {
                let made = each(&rows, made)?;
                Ok(Batch { rows, made })
            });
            let is_last = batch.is_err();
            // A receiver that has ended says why by itself.
            if out.send(batch).is_err() || is_last {
                return;
            }
        }
    });
    received
}

/// Reads until the end on a thread of its own. An input without rows is a batch without rows, since that
/// still says which columns its scores would have.
fn read<'scope>(scope: &'scope Scope<'scope, '_>, mut rows: RowsIn) -> Batches<()> {
    let (out, received) = sync_channel(WAITING_BATCHES_MAX);
    scope.spawn(move || {
        let mut is_first = true;
        loop {
            let batch = match rows.next() {
                Ok(None) if is_first => Ok(BatchIn::empty(rows.source().clone())),
                Ok(None) => return,
                Ok(Some(batch)) => Ok(batch),
                Err(error) => Err(error),
            };
            let is_last = !matches!(&batch, Ok(batch) if !batch.raw.is_empty());
            let batch = batch.map(|rows| Batch { rows, made: () });
            if out.send(batch).is_err() || is_last {
                return;
            }
            is_first = false;
        }
    });
    received
}

/// Writes what is scored, and completes the output unless nothing in it would be right.
fn write(
    scored: Batches<Processed>,
    outputs: Outputs,
    findings: &Mutex<Findings>,
    label_column: &str,
) -> Result<(Summary, Option<PathBuf>, Duration)> {
    let Outputs {
        mut table,
        mut dead_letters,
    } = outputs;
    let mut progress = Progress::new("scoring", Some(1000));
    let mut summary = Summary::default();
    for batch in scored {
        let Batch { rows, made } = batch?;
        let Processed {
            mut scores,
            refusals,
            ignored,
            unknown_codes,
            invalid_fields,
        } = made;
        if rows.is_renumbered() {
            for offset in &mut scores.events.offsets {
                *offset = rows.number_of(*offset);
            }
        }
        let number = |index| rows.number(index);
        summary.count(&rows.raw, &scores, &refusals, number);
        summary.count_ignored(ignored.len());
        summary.count_unknown(&unknown_codes);
        summary.count_invalid(&invalid_fields);
        dead_letters.write(&rows.raw, &refusals, number)?;
        table.write(&scores)?;
        progress.set(rows.permille.unwrap_or(0));
    }
    let kept = dead_letters.finish()?;
    anyhow::ensure!(
        !summary.is_all_refused(),
        "{}",
        summary.nothing_scored(kept.as_deref())
    );
    let labels = &findings.lock().labels;
    anyhow::ensure!(
        !labels.are_all(),
        "{}; is it the right column? No output was written",
        labels.words(label_column)
    );
    table.finish().context("cannot complete the output")?;
    Ok((summary, kept, progress.finish()))
}
