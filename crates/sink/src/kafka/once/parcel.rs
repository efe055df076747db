//! Everything made from a batch, encoded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tillwatch_kafka::BulkMessage;
use tillwatch_records::{ScoreBatch, Ticket, TopicPartition};

use crate::encode::ScoreEncoder;
use crate::kafka::letter::{self, Header, Note, Parts};
use crate::settings::Output;
use crate::surroundings::Clock;
use crate::{Delivery, SinkSettings};

/// Bytes reserved per score; longer ones make the buffer grow.
const SCORE_BYTES_TYPICAL: usize = 384;

/// What goes out, and how it is encoded.
pub(crate) struct Encoding {
    outputs: Vec<Output>,
    features: bool,
    clock: Option<Clock>,
}

/// Everything made from a batch: it is in one transaction, whole. Dropping it settles the batch.
pub(crate) struct Parcel {
    source: TopicPartition,
    letters: Vec<Letter>,
    scores: Lines,
    alerts: Lines,
    /// Bytes of keys and values, as they are counted.
    bytes: usize,
    ticket: Ticket,
    /// Held for whoever measures when scores are delivered.
    _scores_ticket: Ticket,
    /// Its partition is not ours any more, or an earlier batch of it was given up.
    is_abandoned: AtomicBool,
}

/// A dead letter.
pub(crate) struct Letter {
    pub(crate) parts: Parts,
    pub(crate) note: Arc<Note>,
    /// Bytes that it takes of the room for dead letters.
    pub(crate) weight: usize,
}

/// Keys and values of records without headers, back to back.
#[derive(Default)]
pub(crate) struct Lines {
    bytes: Vec<u8>,
    lines: Vec<Line>,
}

/// A key, if there is one, and the value behind it.
struct Line {
    key_end: Option<usize>,
    end: usize,
}

impl Encoding {
    pub(crate) fn new(settings: &SinkSettings, clock: Option<Clock>) -> Self {
        Self {
            outputs: settings.outputs.clone(),
            features: settings.features,
            clock,
        }
    }

    /// The parcel of a delivery; `None` when nothing of it goes out.
    pub(crate) fn parcel(&self, delivery: &Delivery<'_>) -> Option<Parcel> {
        let takes = |output| self.outputs.contains(&output);
        let letters: Vec<Letter> = match takes(Output::DeadLetters) {
            true => delivery.letters.iter().map(Letter::of).collect(),
            false => Vec::new(),
        };
        let (mut score_lines, mut alert_lines) = (Lines::default(), Lines::default());
        if let Some(scores) = delivery.scores {
            let encoder = ScoreEncoder::new(scores, self.features);
            if takes(Output::Scores) {
                score_lines = lines_of_scores(&encoder, scores.len());
            }
            if takes(Output::Alerts) {
                alert_lines = self.lines_of_alerts(&encoder, scores);
            }
        }
        let of_letters: usize = letters.iter().map(|letter| letter.parts.bytes_len()).sum();
        let bytes = of_letters + score_lines.bytes.len() + alert_lines.bytes.len();
        if letters.is_empty() && score_lines.is_empty() && alert_lines.is_empty() {
            return None;
        }
        let of_scores = delivery.scores.map(|scores| &scores.events.source);
        let first = delivery.letters.first();
        Some(Parcel {
            source: of_scores.or(first.map(|letter| letter.source))?.clone(),
            letters,
            scores: score_lines,
            alerts: alert_lines,
            bytes,
            ticket: delivery.ticket.clone(),
            _scores_ticket: delivery.scores_ticket.clone(),
            is_abandoned: AtomicBool::new(false),
        })
    }

    fn lines_of_alerts(&self, encoder: &ScoreEncoder<'_>, scores: &ScoreBatch) -> Lines {
        let mut lines = Lines::default();
        let now = self.clock.as_ref().map(|clock| clock());
        for alert in &scores.alerts {
            let key = encoder.key(alert.row as usize);
            lines.push(key, |out| encoder.alert(alert, now, out));
        }
        lines
    }
}

impl Parcel {
    pub(crate) fn source(&self) -> &TopicPartition {
        &self.source
    }

    pub(crate) fn letters(&self) -> &[Letter] {
        &self.letters
    }

    /// The records of an output without headers.
    pub(crate) fn lines(&self, output: Output) -> &Lines {
        match output {
            Output::Alerts => &self.alerts,
            Output::Scores | Output::DeadLetters => &self.scores,
        }
    }

    /// Records of all outputs.
    pub(crate) fn len(&self) -> usize {
        self.letters.len() + self.scores.len() + self.alerts.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Memory that it takes, headers of dead letters included.
    pub(crate) fn weight(&self) -> usize {
        let letters: usize = self.letters.iter().map(|letter| letter.weight).sum();
        self.scores.bytes.len() + self.alerts.bytes.len() + letters
    }

    /// See [`Ticket::stage`].
    pub(crate) fn stage(&self) -> Option<(TopicPartition, i64)> {
        self.ticket.stage()
    }

    /// From here on it must not be committed.
    pub(crate) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::SeqCst)
    }

    /// Its batch counts as given up.
    pub(crate) fn fail(&self) {
        self.ticket.fail();
    }

    /// A copy of a record.
    pub(crate) fn parts(&self, output: Output, index: usize) -> Parts {
        if output == Output::DeadLetters {
            return self.letters[index].parts.clone();
        }
        let message = self.lines(output).message(index);
        Parts {
            key: message.key.map(<[u8]>::to_vec),
            payload: Some(message.payload.to_vec()),
            headers: Vec::new(),
        }
    }
}

impl Letter {
    fn of(letter: &crate::DeadLetter<'_>) -> Self {
        let record = &letter.record;
        let note = Note::of(letter);
        let ours = note.headers();
        let mut headers: Vec<Header<'_>> = record.headers().collect();
        let values = ours.iter();
        headers.extend(values.map(|(name, value)| (*name, Some(value.as_bytes()))));
        let copy = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        let weight = letter::wire_bytes(record, &headers);
        let copied = headers.iter();
        let copied = copied.map(|(name, value)| ((*name).to_owned(), copy(*value)));
        Self {
            parts: Parts {
                key: copy(record.key),
                payload: copy(record.payload),
                headers: copied.collect(),
            },
            note: Arc::new(note),
            weight,
        }
    }
}

impl Lines {
    fn with_capacity(lines: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(lines * SCORE_BYTES_TYPICAL),
            lines: Vec::with_capacity(lines),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(crate) fn message(&self, index: usize) -> BulkMessage<'_> {
        let before = index
            .checked_sub(1)
            .and_then(|before| self.lines.get(before));
        let start = before.map_or(0, |line| line.end);
        let Line { key_end, end } = self.lines[index];
        BulkMessage {
            key: key_end.map(|key_end| &self.bytes[start..key_end]),
            payload: &self.bytes[key_end.unwrap_or(start)..end],
        }
    }

    fn push(&mut self, key: Option<&str>, encode: impl FnOnce(&mut Vec<u8>)) {
        let key_end = key.map(|key| {
            self.bytes.extend_from_slice(key.as_bytes());
            self.bytes.len()
        });
        encode(&mut self.bytes);
        let end = self.bytes.len();
        self.lines.push(Line { key_end, end });
    }
}

fn lines_of_scores(encoder: &ScoreEncoder<'_>, rows: usize) -> Lines {
    let mut lines = Lines::with_capacity(rows);
    for row in 0..rows {
        lines.push(encoder.key(row), |out| encoder.score(row, out));
    }
    lines
}
