//! Scores and alerts as JSON objects.

use arrow::array::{Array, AsArray, Float64Array, StringArray};
use arrow::datatypes::Float64Type;
use tillwatch_records::{
    Alert, Attribution, Cause, Column, Reason, RecordKind, ScoreBatch, ShadowScores, Versions,
};

use super::json;

/// Writes rows of one batch as JSON objects without a line end. What is the same for the whole batch
/// is encoded once.
///
/// A field that has nothing to say is left out: a null text, a value that a reason lacks, an empty
/// list of reasons, flags or features. Numbers that are not finite are left out too.
///
/// A score: `score_id` (see [`ScoreBatch::score_ids`]), `event_id`, `key`, `event_time` (milliseconds since
/// 1970, UTC; of a timer, what it was set for), `cause` (`terminal_event`, `label` or `timer`, when it is
/// no transaction), `score` (0-999), `probability`, `band`, `reasons` (each `code`, `typology`, `severity`,
/// `feature`, `value`, `baseline`, `threshold`, `window`, `contribution`, `words`), `flags` (names),
/// `features` (name to value, only when asked for), `attribution` (`cheap` or `exact`: how contributions of
/// features were found), `shadows` (`name@version` of a shadow to its probability), `model`, `model_hash`,
/// `catalog`, `registry` (version of the reference data, when there is any), `topic`, `partition`,
/// `offset`. A sink whose topic does not take the whole score or alert leaves parts out and adds
/// `"reduced": true`.
///
/// An alert: `alert_id` (`score_id/typology`, or `score_id/score` when only the score was high),
/// `score_id`, `event_id`, `key`, `event_time`, `cause`, `typology`, `severity`, `action`, `words`, `score`,
/// `probability`, `band`, `reasons`, `suppressed_count` (when not 0), `decision_time` (when there is
/// a clock), `model`, `model_hash`, `catalog`, `registry`, `topic`, `partition`, `offset`.
#[derive(Debug)]
pub struct ScoreEncoder<'a> {
    batch: &'a ScoreBatch,
    event_ids: Option<&'a StringArray>,
    /// Feature columns with `,"name":` ready; empty when features are not asked for.
    features: Vec<(Vec<u8>, &'a Float64Array)>,
    /// What is the same in all ids, inside of quotes.
    id_prefix: Vec<u8>,
    /// From `,"model":` to `"offset":`.
    tail: Vec<u8>,
    /// The same for the rows of a challenger.
    challenge_tail: Vec<u8>,
    /// `"name@version":` of each shadow, with its probabilities.
    shadows: Vec<(Vec<u8>, &'a [f64])>,
}

impl<'a> ScoreEncoder<'a> {
    /// An encoder of `batch`, with the values of all features in each score when `features` is set.
    pub fn new(batch: &'a ScoreBatch, features: bool) -> Self {
        let mut id_prefix = Vec::new();
        json::text(&mut id_prefix, &batch.events.score_id_prefix());
        Self {
            batch,
            event_ids: batch.events.text(Column::EventId),
            features: if features {
                feature_columns(batch)
            } else {
                Vec::new()
            },
            id_prefix,
            tail: tail(batch, &batch.versions),
            challenge_tail: match &batch.challenge {
                Some(challenge) => tail(batch, &challenge.versions),
                None => Vec::new(),
            },
            shadows: shadow_columns(batch),
        }
    }

    /// Appends the score of `row`.
    ///
    /// # Panics
    /// When `row` is not below [`ScoreBatch::len`].
    pub fn score(&self, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"score_id\":\"");
        self.id(row, out);
        out.push(b'"');
        self.event(row, out);
        self.decision(row, out);
        self.reasons(row, out);
        self.flags(row, out);
        self.feature_values(row, out);
        self.attribution(row, out);
        self.shadow_values(row, out);
        self.position(row, out);
    }

    /// Appends an alert; `decision_time_ms` is when it was decided, where there is a clock.
    ///
    /// # Panics
    /// When the row of `alert` is not below [`ScoreBatch::len`].
    pub fn alert(&self, alert: &Alert, decision_time_ms: Option<i64>, out: &mut Vec<u8>) {
        let row = alert.row as usize;
        out.extend_from_slice(b"{\"alert_id\":\"");
        self.id(row, out);
        out.push(b'/');
        let about = alert.typology.map_or("score", |typology| typology.as_str());
        out.extend_from_slice(about.as_bytes());
        out.extend_from_slice(b"\",\"score_id\":\"");
        self.id(row, out);
        out.push(b'"');
        self.event(row, out);
        if alert.typology.is_some() {
            text(out, "typology", about);
        }
        text(out, "severity", alert.severity.as_str());
        let reasons = self.batch.reasons.row(row);
        let strongest = reasons.iter().find(|reason| {
            alert.typology.is_none() || reason.definition.typology == alert.typology
        });
        let words = strongest.map_or_else(
            || {
                alert
                    .typology
                    .map_or("high score", |typology| typology.words())
            },
            |reason| &reason.definition.words,
        );
        if let Some(reason) = strongest {
            text(out, "action", &reason.definition.action);
        }
        text(out, "words", words);
        self.decision(row, out);
        self.reasons(row, out);
        if alert.suppressed_count > 0 {
            json::name(out, "suppressed_count");
            json::integer(out, alert.suppressed_count);
        }
        if let Some(time) = decision_time_ms {
            json::name(out, "decision_time");
            json::integer(out, time);
        }
        self.position(row, out);
    }

    /// Entity key of `row`.
    pub(crate) fn key(&self, row: usize) -> Option<&'a str> {
        self.batch.emissions.key(row)
    }

    /// As [`ScoreBatch::score_ids`] has it, inside of quotes.
    fn id(&self, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id_prefix);
        json::integer(out, self.batch.events.offsets[row]);
        if self.batch.emissions.causes[row] == Cause::Timer {
            out.extend_from_slice(b"/timer/");
            json::integer(out, self.batch.emissions.times_ms[row]);
            out.push(b'/');
            json::text(out, self.key(row).unwrap_or_default());
        }
    }

    fn event(&self, row: usize, out: &mut Vec<u8>) {
        if let Some(id) = self.event_ids.and_then(|ids| value(ids, row)) {
            json::name(out, "event_id");
            json::string(out, id);
        }
        if let Some(key) = self.key(row) {
            json::name(out, "key");
            json::string(out, key);
        }
        json::name(out, "event_time");
        json::integer(out, self.batch.emissions.times_ms[row]);
        let cause = self.batch.emissions.causes[row];
        if cause != Cause::Record(RecordKind::Transaction) {
            text(out, "cause", cause.as_str());
        }
    }

    fn decision(&self, row: usize, out: &mut Vec<u8>) {
        json::name(out, "score");
        json::integer(out, self.batch.scores[row]);
        number(out, "probability", self.batch.probabilities[row]);
        json::name(out, "band");
        out.push(b'"');
        out.extend_from_slice(self.batch.bands[row].as_str().as_bytes());
        out.push(b'"');
    }

    fn reasons(&self, row: usize, out: &mut Vec<u8>) {
        let reasons = self.batch.reasons.row(row);
        if reasons.is_empty() {
            return;
        }
        json::name(out, "reasons");
        for (position, reason) in reasons.iter().enumerate() {
            out.push(if position == 0 { b'[' } else { b',' });
            encode_reason(reason, out);
        }
        out.push(b']');
    }

    fn flags(&self, row: usize, out: &mut Vec<u8>) {
        let flags = self.batch.flags[row];
        if flags.is_empty() {
            return;
        }
        json::name(out, "flags");
        for (position, name) in flags.names().enumerate() {
            out.extend_from_slice(if position == 0 { b"[\"" } else { b",\"" });
            out.extend_from_slice(name.as_bytes());
            out.push(b'"');
        }
        out.push(b']');
    }

    fn feature_values(&self, row: usize, out: &mut Vec<u8>) {
        let mut first = true;
        for (name, values) in &self.features {
            if values.is_null(row) || !values.value(row).is_finite() {
                continue;
            }
            if first {
                json::name(out, "features");
                out.push(b'{');
                out.extend_from_slice(&name[1..]);
                first = false;
            } else {
                out.extend_from_slice(name);
            }
            json::float(out, values.value(row));
        }
        if !first {
            out.push(b'}');
        }
    }

    fn attribution(&self, row: usize, out: &mut Vec<u8>) {
        match self.batch.attributions.get(row) {
            None | Some(Attribution::None) => {}
            Some(how) => text(out, "attribution", how.as_str()),
        }
    }

    fn shadow_values(&self, row: usize, out: &mut Vec<u8>) {
        let mut is_first = true;
        for (name, probabilities) in &self.shadows {
            // NaN: no opinion yet.
            let Some(value) = probabilities.get(row).filter(|p| p.is_finite()) else {
                continue;
            };
            if is_first {
                json::name(out, "shadows");
                out.push(b'{');
            } else {
                out.push(b',');
            }
            is_first = false;
            out.extend_from_slice(name);
            json::float(out, *value);
        }
        if !is_first {
            out.push(b'}');
        }
    }

    fn position(&self, row: usize, out: &mut Vec<u8>) {
        let challenge = self.batch.challenge.as_ref();
        let is_challenged = challenge.is_some_and(|challenge| challenge.rows[row]);
        out.extend_from_slice(if is_challenged {
            &self.challenge_tail
        } else {
            &self.tail
        });
        json::integer(out, self.batch.events.offsets[row]);
        out.push(b'}');
    }
}

/// Appends one reason as a JSON object.
pub(crate) fn encode_reason(reason: &Reason, out: &mut Vec<u8>) {
    let definition = &reason.definition;
    out.extend_from_slice(b"{\"code\":");
    json::string(out, &definition.code);
    if let Some(typology) = definition.typology {
        text(out, "typology", typology.as_str());
    }
    text(out, "severity", definition.severity.as_str());
    text(out, "feature", &definition.feature);
    number(out, "value", reason.value);
    if let Some(baseline) = reason.baseline {
        number(out, "baseline", baseline);
    }
    if let Some(threshold) = definition.threshold {
        number(out, "threshold", threshold);
    }
    text(out, "window", &definition.window);
    number(out, "contribution", reason.contribution);
    text(out, "words", &definition.words);
    out.push(b'}');
}

/// From `,"model":` to `"offset":`.
fn tail(batch: &ScoreBatch, versions: &Versions) -> Vec<u8> {
    let source = &batch.events.source;
    let mut tail = Vec::with_capacity(192);
    json::name(&mut tail, "model");
    json::string(&mut tail, &versions.model);
    json::name(&mut tail, "model_hash");
    json::string(&mut tail, &versions.model_hash);
    json::name(&mut tail, "catalog");
    json::string(&mut tail, &versions.catalog);
    if let Some(registry) = &versions.reference {
        json::name(&mut tail, "registry");
        json::string(&mut tail, registry);
    }
    json::name(&mut tail, "topic");
    json::string(&mut tail, &source.topic);
    json::name(&mut tail, "partition");
    json::integer(&mut tail, source.partition);
    json::name(&mut tail, "offset");
    tail
}

/// Names of shadows, ready as `"name@version":`, with their probabilities.
fn shadow_columns(batch: &ScoreBatch) -> Vec<(Vec<u8>, &[f64])> {
    let ready = |shadow: &ShadowScores| {
        let mut name = Vec::new();
        json::string(&mut name, &shadow.model);
        name.push(b':');
        name
    };
    let shadows = batch.shadows.iter();
    shadows
        .map(|shadow| (ready(shadow), shadow.probabilities.as_slice()))
        .collect()
}

fn feature_columns(batch: &ScoreBatch) -> Vec<(Vec<u8>, &Float64Array)> {
    let schema = batch.features.schema_ref();
    let columns = schema.fields().iter().zip(batch.features.columns());
    columns
        .filter_map(|(field, array)| {
            let mut name = vec![b','];
            json::string(&mut name, field.name());
            name.push(b':');
            array
                .as_primitive_opt::<Float64Type>()
                .map(|values| (name, values))
        })
        .collect()
}

fn text(out: &mut Vec<u8>, name: &str, value: &str) {
    if !value.is_empty() {
        json::name(out, name);
        json::string(out, value);
    }
}

fn number(out: &mut Vec<u8>, name: &str, value: f64) {
    if value.is_finite() {
        json::name(out, name);
        json::float(out, value);
    }
}

fn value(array: &StringArray, row: usize) -> Option<&str> {
    array.is_valid(row).then(|| array.value(row))
}
