//! What records of a file or topic hold, column by column, so that a mapping is judged before it runs.
//! Nothing here prints a value.

mod cards;
mod taken;
mod times;

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use arrow::array::{Array, AsArray as _};
use arrow::datatypes::TimestampMillisecondType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::Value;
use tillwatch_decode::{
    DecodePlan, DecodeSettings, Decoded, Decoder, RefusalReason, Wanted, field_path,
};
use tillwatch_records::blanks::trimmed;
use tillwatch_records::column::ColumnType;
use tillwatch_records::{Column, FieldCounts, Projection, RawBatch, UnknownCodes, code};

use super::report::Report;
use crate::config::Config;
use cards::Cards;
use taken::Taken;

/// Says what records of the file or topic called `name` hold. Brokers may leave a question for `answer_max`;
/// with `None` they are not asked.
pub fn report(config: &Config, name: &Path, answer_max: Option<Duration>, report: &mut Report) {
    let sample = taken::take(config, name, answer_max).and_then(|taken| look(config, taken));
    match sample {
        Ok(sample) => sample.tell(config, report),
        Err(error) => report.wrong(&format!("{error:#}")),
    }
}

/// What was seen.
struct Sample {
    taken: Taken,
    records: u64,
    rows: u64,
    ignored: u64,
    /// How many of each cause, and what the first of them says.
    refused: BTreeMap<RefusalReason, (u64, String)>,
    unknown_codes: UnknownCodes,
    invalid_fields: FieldCounts,
    columns: Vec<Seen>,
    cards: Cards,
}

/// Values of one column.
struct Seen {
    column: Column,
    nulls: u64,
    /// Hashes of them.
    distinct: HashSet<u64>,
    /// Texts with blanks around.
    filled_up: u64,
    /// Of a column of text, those typed as numbers.
    numbers: u64,
    /// Earliest and latest, milliseconds since 1970.
    times_ms: Option<(i64, i64)>,
}

fn look(config: &Config, taken: Taken) -> Result<Sample> {
    let mut decoder = decoder(config, &config.decode)?;
    let mut sample = Sample {
        taken,
        records: 0,
        rows: 0,
        ignored: 0,
        refused: BTreeMap::new(),
        unknown_codes: UnknownCodes::default(),
        invalid_fields: FieldCounts::default(),
        columns: Column::ALL.iter().copied().map(Seen::new).collect(),
        cards: Cards::new(&config.decode),
    };
    for raw in std::mem::take(&mut sample.taken.batches) {
        sample.take(&raw, decoder.decode(&raw), &config.decode);
        sample.taken.batches.push(raw);
    }
    Ok(sample)
}

/// A decoder of every column, of which only those that name a record must be there.
fn decoder(config: &Config, settings: &DecodeSettings) -> Result<Decoder> {
    let wanted = Wanted {
        projection: Arc::new(Projection::new(Column::ALL.iter().copied())),
        own: Vec::new(),
        keys: config
            .stages
            .iter()
            .map(|stage| stage.key.clone())
            .collect(),
        optional: Column::ALL.to_vec(),
    };
    Ok(Decoder::new(Arc::new(DecodePlan::for_wanted(
        settings, &wanted,
    )?)))
}

impl Sample {
    fn take(&mut self, raw: &RawBatch, decoded: Decoded, settings: &DecodeSettings) {
        self.records += raw.len() as u64;
        self.rows += decoded.events.len() as u64;
        self.ignored += decoded.ignored.len() as u64;
        self.unknown_codes += &decoded.unknown_codes;
        self.invalid_fields += &decoded.invalid_fields;
        for refusal in decoded.refusals {
            let seen = self.refused.entry(refusal.reason);
            seen.or_insert((0, refusal.detail)).0 += 1;
        }
        for seen in &mut self.columns {
            if let Some(array) = decoded.events.column(seen.column) {
                seen.take(array.as_ref());
            }
        }
        let texts = |seen: &&mut Seen| seen.column.kind() == ColumnType::Text;
        let texts = self.columns.iter_mut().filter(texts);
        let mut texts: Vec<(&mut Seen, Vec<String>)> = texts
            .filter_map(|seen| field_path(settings, seen.column).map(|path| (seen, path)))
            .collect();
        for record in raw.iter() {
            let json = serde_json::from_slice::<Value>(record.payload.unwrap_or_default());
            self.cards.take(&record, json.as_ref().ok());
            let Ok(json) = json else { continue };
            for (seen, path) in &mut texts {
                let value = path.iter().try_fold(&json, |value, name| value.get(name));
                match value {
                    Some(Value::String(text)) => {
                        let inner = trimmed(text.as_bytes());
                        seen.filled_up += u64::from(inner.len() < text.len());
                    }
                    Some(Value::Number(_)) => seen.numbers += 1,
                    _ => {}
                }
            }
        }
    }

    fn tell(&self, config: &Config, report: &mut Report) {
        let rows = self.rows;
        let said = format!("sample: the {}, {rows} can be read", self.taken.what);
        match self.records {
            0 => report.notice(&format!("{said}: there is none")),
            _ => report.fine(&said),
        }
        for notice in &self.taken.notices {
            report.notice(notice);
        }
        if self.ignored > 0 {
            report.fine(&format!("{} ignored because of their type", self.ignored));
        }
        for (reason, (count, detail)) in &self.refused {
            report.notice(&format!("{count} refused, {reason}; the first: {detail}"));
        }
        self.guess(config, report);
        for seen in &self.columns {
            let unknown =
                code::position(seen.column).and_then(|at| self.unknown_codes.iter().nth(at));
            let unknown = unknown.map_or(0, |(_, count)| count);
            let is_mapped = config.decode.fields.contains_key(seen.column.name());
            match seen.words(rows, unknown, &self.invalid_fields) {
                Some((words, true)) => report.notice(&words),
                Some((words, false)) => report.fine(&words),
                None if is_mapped && rows > 0 => report.notice(&format!(
                    "column {}: no value, although [decode.fields] maps it",
                    seen.column.name()
                )),
                None => {}
            }
        }
        for finding in self.cards.findings() {
            report.say(&finding);
        }
    }

    /// Says which other units would let more records be read.
    fn guess(&self, config: &Config, report: &Report) {
        let is_of_time = |reason: &RefusalReason| {
            [RefusalReason::BAD_TIME, RefusalReason::TIME_OUT_OF_RANGE].contains(reason)
        };
        let refused = self.refused.iter();
        let of_time: u64 = refused
            .filter(|(reason, _)| is_of_time(reason))
            .map(|(_, (count, _))| count)
            .sum();
        if 2 * of_time > self.records {
            for guess in times::guesses(&config.decode, self.rows, |settings| {
                let mut decoder = decoder(config, settings).ok()?;
                let batches = self.taken.batches.iter();
                let rows: usize = batches.map(|raw| decoder.decode(raw).events.len()).sum();
                Some(rows as u64)
            }) {
                report.notice(&guess);
            }
        }
        let precision = RefusalReason::AMOUNT_PRECISION;
        let mut invalid = self.invalid_fields.iter();
        let is_invalid = invalid.any(|(_, cause, _)| cause == precision.code());
        if is_invalid || self.refused.contains_key(&precision) {
            report.notice(
                "amounts with decimals: if they are in the currency itself, say [decode.units] \
                 amount = \"major\"",
            );
        }
    }
}

impl Seen {
    fn new(column: Column) -> Self {
        Self {
            column,
            nulls: 0,
            distinct: HashSet::new(),
            filled_up: 0,
            numbers: 0,
            times_ms: None,
        }
    }

    fn take(&mut self, array: &dyn Array) {
        self.nulls += array.null_count() as u64;
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        if let Some(times) = array.as_primitive_opt::<TimestampMillisecondType>() {
            for time in times.iter().flatten() {
                let (first, last) = self.times_ms.unwrap_or((time, time));
                self.times_ms = Some((first.min(time), last.max(time)));
                self.distinct.insert(hasher.hash_one(time));
            }
            return;
        }
        let options = FormatOptions::default();
        if let Ok(formatter) = ArrayFormatter::try_new(array, &options) {
            let rows = (0..array.len()).filter(|row| array.is_valid(*row));
            let hashes = rows.map(|row| hasher.hash_one(formatter.value(row).to_string()));
            self.distinct.extend(hashes);
        }
    }

    /// A line about the column, and whether something stands out; `None` where no row has a value.
    fn words(&self, rows: u64, unknown: u64, invalid: &FieldCounts) -> Option<(String, bool)> {
        let invalid = invalid.iter();
        let mut invalid = invalid
            .filter(|(column, ..)| *column == self.column.name())
            .peekable();
        let is_odd = unknown > 0 || invalid.peek().is_some();
        if self.distinct.is_empty() && !is_odd {
            return None;
        }
        let mut words = format!(
            "column {}: {} of {rows} null, {} distinct",
            self.column.name(),
            self.nulls,
            self.distinct.len()
        );
        for (count, what) in [
            (self.numbers, "typed as numbers"),
            (self.filled_up, "with blanks around"),
            (unknown, "unknown codes, see docs/records.md"),
        ] {
            if count > 0 {
                words.push_str(&format!(", {count} {what}"));
            }
        }
        for (_, cause, count) in invalid {
            words.push_str(&format!(", {count} that cannot be read ({cause})"));
        }
        if let Some((first, last)) = self.times_ms {
            let text = |ms| {
                jiff::Timestamp::from_millisecond(ms)
                    .map_or_else(|_| String::new(), |t| t.to_string())
            };
            words.push_str(&format!(", {} to {}", text(first), text(last)));
        }
        Some((words, is_odd))
    }
}
