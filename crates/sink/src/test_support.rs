//! Batches and tickets for tests.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, Schema};
use crossbeam_channel::{Receiver, unbounded};
use tillwatch_records::score::ReasonLists;
use tillwatch_records::{
    Alert, Attribution, Band, Column, Emissions, EventBatch, Flags, Projection, Reason,
    ReasonDefinition, RecordKind, RecordKinds, ScoreBatch, Settled, Severity, Ticket,
    TopicPartition, Typology, Versions,
};

/// A ticket and where its end is told.
pub(crate) fn ticket() -> (Ticket, Receiver<Settled>) {
    let (send, receive) = unbounded();
    let ticket = Ticket::new(move |settled| {
        let _ = send.send(settled);
    });
    (ticket, receive)
}

/// `rows` scores of partition 3 of `payments`, from offset `first`; every seventh has a reason.
pub(crate) fn batch(first: i64, rows: usize) -> ScoreBatch {
    let offsets: Vec<i64> = (0..rows as i64).map(|row| first + 2 * row).collect();
    let ids: Vec<String> = offsets.iter().map(|offset| format!("e{offset}")).collect();
    let keys: Vec<String> = offsets
        .iter()
        .map(|offset| format!("k{}", offset % 50))
        .collect();
    let probabilities = offsets.iter().map(|offset| (offset % 997) as f64 / 997.0);
    let amounts = offsets
        .iter()
        .map(|offset| (offset % 3 != 0).then_some(*offset as f64 / 8.0));
    let mut batch = from_parts(
        ids.iter().map(|id| Some(id.as_str())).collect(),
        keys.iter().map(|key| Some(key.as_str())).collect(),
        offsets.clone(),
        probabilities.collect(),
        amounts.collect(),
    );
    let mut reasons = ReasonLists::with_capacity(rows);
    for row in 0..rows {
        reasons.push_row((row % 7 == 0).then(|| reason(row as f64)));
    }
    batch.reasons = reasons;
    batch
}

/// A batch of the given columns, without reasons.
pub(crate) fn from_parts(
    ids: Vec<Option<&str>>,
    keys: Vec<Option<&str>>,
    offsets: Vec<i64>,
    probabilities: Vec<f64>,
    amounts: Vec<Option<f64>>,
) -> ScoreBatch {
    let rows = offsets.len();
    let projection = Projection::new([Column::EventId, Column::EventTime]);
    let times: Vec<i64> = offsets
        .iter()
        .map(|offset| 1_700_000_000_000 + offset)
        .collect();
    let times = TimestampMillisecondArray::from(times).with_timezone("UTC");
    let columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(ids)), Arc::new(times)];
    let columns = RecordBatch::try_new(projection.schema().clone(), columns).unwrap();
    let schema = Schema::new(vec![Field::new("amount \"1h\"", DataType::Float64, true)]);
    let amounts: ArrayRef = Arc::new(Float64Array::from(amounts));
    let mut reasons = ReasonLists::with_capacity(rows);
    (0..rows).for_each(|_| reasons.push_row([]));
    let events = EventBatch {
        joined: None,
        marks: Vec::new(),
        source: TopicPartition::new("payments", 3),
        topic_id: None,
        record_timestamps_ms: offsets.clone(),
        kinds: vec![RecordKind::Transaction; rows],
        offsets,
        projection: Arc::new(projection),
        columns,
    };
    ScoreBatch {
        emissions: Emissions::of_records(keys.into(), &events, RecordKinds::TRANSACTIONS),
        events,
        features: RecordBatch::try_new(Arc::new(schema), vec![amounts]).unwrap(),
        scores: probabilities
            .iter()
            .map(|p| (p * 1000.0).min(999.0) as u16)
            .collect(),
        probabilities,
        bands: vec![Band::Review; rows],
        reasons,
        flags: vec![Flags::empty(); rows],
        versions: Arc::new(Versions {
            model: "terminal-rules@1".to_owned(),
            model_hash: "00112233445566ff".to_owned(),
            catalog: "0123456789abcdef".to_owned(),
            reference: None,
        }),
        attributions: vec![Attribution::None; rows],
        challenge: None,
        shadows: Vec::new(),
        alerts: Vec::new(),
    }
}

pub(crate) fn reason(value: f64) -> Reason {
    Reason {
        definition: Arc::new(ReasonDefinition {
            code: "CARD_ENUMERATION".to_owned(),
            typology: Some(Typology::Fabricated),
            severity: Severity::Critical,
            feature: "cards_1h".to_owned(),
            threshold: Some(12.5),
            window: String::new(),
            words: "many cards, \"one\" till".to_owned(),
            action: "block the terminal".to_owned(),
        }),
        value,
        baseline: None,
        contribution: 0.75,
    }
}

pub(crate) fn alert(row: u32) -> Alert {
    Alert {
        row,
        typology: Some(Typology::Fabricated),
        severity: Severity::Critical,
        suppressed_count: 2,
    }
}
