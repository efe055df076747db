//! `tillwatch publish`: a file to Kafka.

mod outgoing;

use std::sync::Arc;

use anyhow::Result;
use arrow::array::Array as _;
use tillwatch_decode::{DecodePlan, Decoder};
use tillwatch_records::{Column, EventBatch, Projection, RecordKind};
use tillwatch_sink::RecordWriter;

use crate::cli::{PublishArgs, RecordTimestamp};
use crate::commands::pace::Pace;
use crate::commands::progress::Progress;
use crate::commands::rows_in::{BatchIn, RowsIn};
use crate::config::{Config, LabelSettings};
use crate::exit;
use crate::files::Inputs;
use crate::labels::{Label, LabelRecords};
use crate::log;
use outgoing::{Origin, Outbox, Outgoing};

/// Sends `args.input` to Kafka. Rows go out as they are, as JSON; the configuration's mapping is used to
/// find key and event time. A row that it cannot read goes out as well, without a key: refusing it, with
/// its reason, is the scorer's job. Where it can read none of the first rows, nothing goes out. A row that
/// a broker refuses is lost alone and named at the end.
pub fn publish(args: &PublishArgs) -> Result<()> {
    let config = Config::load(&args.config.config)?;
    log::install(&config.log, &config.notices);
    let topic = match (&args.topic, &config.consumer) {
        (Some(topic), _) => topic.clone(),
        (None, Some(consumer)) => consumer.topics.first().cloned().unwrap_or_default(),
        (None, None) => anyhow::bail!("name a --topic: the configuration has no [consumer]"),
    };
    let mut rows = RowsIn::open(&args.input, &Inputs::find(&args.input.input)?)?;
    let mut publisher = Publisher::open(args, &config, topic)?;
    if args.input.sort_by_time {
        rows = rows.sorted_by_time(&config, None)?;
    }
    let mut progress = Progress::new("publishing", Some(1000));
    while let Some(batch) = rows.next()? {
        publisher.publish(&batch)?;
        publisher.outbox.mend()?;
        progress.set(batch.permille.unwrap_or(0));
    }
    publisher.finish()?;
    let seconds = progress.finish().as_secs_f64();
    let counts = &publisher.counts;
    eprintln!(
        "{} records and {} labels delivered to {} in {seconds:.1} s{}",
        counts.records,
        counts.labels,
        publisher.outbox.topic(),
        match counts.unreadable {
            0 => String::new(),
            n => format!("; {n} of them do not fit the configured mapping and have no key"),
        }
    );
    publisher.tell_refused_labels()
}

/// The labels that the command line asks for, else the configured ones.
fn labels(args: &PublishArgs, config: &Config) -> Result<Option<LabelSettings>> {
    let configured = config.labels.as_ref();
    let column = args.label_column.clone();
    let column = column.or_else(|| configured.map(|labels| labels.column.clone()));
    let delay = args.label_delay.or(configured.map(|labels| labels.delay));
    match (column, delay) {
        (Some(column), Some(delay)) => Ok(Some(LabelSettings { column, delay })),
        (None, None) => Ok(None),
        (Some(_), None) => {
            anyhow::bail!("say with --label-delay how long after its transaction a label comes")
        }
        (None, Some(_)) => {
            anyhow::bail!("name with --label-column the column that labels are made from")
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    records: u64,
    labels: u64,
    unreadable: u64,
}

struct Publisher {
    outbox: Outbox,
    decoder: Decoder,
    key: tillwatch_records::KeySpec,
    timestamp: RecordTimestamp,
    pace: Pace,
    labels: Option<LabelRecords>,
    counts: Counts,
}

impl Publisher {
    fn open(args: &PublishArgs, config: &Config, topic: String) -> Result<Self> {
        let mut properties = config.kafka.clone();
        if let Some(sink) = &config.sink {
            // A producer's own settings, such as a compression, are the sink's.
            for sink in &sink.0 {
                properties = sink.properties.over(&properties);
            }
        }
        let stage = match &args.stage {
            Some(name) => config.stages.named(name).map_err(exit::misconfigured)?,
            None => config.stages.first(),
        };
        let columns = [Column::EventId, Column::EventTime];
        let columns = columns
            .into_iter()
            .chain(stage.key.columns().iter().copied());
        let projection = Arc::new(Projection::new(columns));
        let plan = DecodePlan::new(&config.decode, projection, &stage.key)?;
        let labels = labels(args, config)?
            .map(|settings| {
                LabelRecords::new(&settings, &config.decode, &config.stages.key_columns())
            })
            .transpose()?;
        Ok(Self {
            outbox: Outbox::new(RecordWriter::open(&properties)?, topic),
            decoder: Decoder::new(Arc::new(plan)),
            key: stage.key.clone(),
            timestamp: args.timestamp,
            pace: Pace::new(args.rate),
            labels,
            counts: Counts::default(),
        })
    }

    fn publish(&mut self, rows: &BatchIn) -> Result<()> {
        let batch = &rows.raw;
        let decoded = self.decoder.decode(batch);
        let events = decoded.events;
        if let Some(refusal) = decoded
            .refusals
            .first()
            .filter(|_| self.is_nonsense(&events))
        {
            anyhow::bail!(
                "none of the first {} rows fits [decode]; the first: {}: {}. Is it the right file? Nothing was \
                 sent",
                batch.len(),
                refusal.reason,
                refusal.detail
            );
        }
        let keys = self.key.of(&events);
        let times = events.event_times_ms().unwrap_or_default();
        let mut row = 0;
        for (index, record) in batch.iter().enumerate() {
            let payload = record.payload.unwrap_or_default();
            let number = rows.number_of(record.offset);
            let origin = Origin::Row(number);
            // Refused and ignored records have no row.
            if events.offsets.get(row) != Some(&record.offset) {
                let is_ignored = decoded.ignored.binary_search(&index).is_ok();
                self.counts.unreadable += u64::from(!is_ignored);
                self.counts.records += 1;
                self.send(origin, None, payload, None, None)?;
                continue;
            }
            let (key, time_ms) = (keys.is_valid(row).then(|| keys.value(row)), times[row]);
            self.send_labels_due(time_ms)?;
            self.send(origin, key, payload, Some(time_ms), None)?;
            self.counts.records += 1;
            let is_transaction = events.kinds[row] == RecordKind::Transaction;
            if let Some(labels) = self.labels.as_mut().filter(|_| is_transaction) {
                let key = key.unwrap_or_default();
                labels.plan(number, payload, key, time_ms)?;
            }
            row += 1;
        }
        Ok(())
    }

    /// Whether no row of the first batch can be read, rather than single ones.
    fn is_nonsense(&self, events: &EventBatch) -> bool {
        self.counts.records == 0 && events.is_empty()
    }

    /// Sends the labels that take effect at or before `time_ms`: one that takes effect at the very time
    /// of a transaction comes first.
    fn send_labels_due(&mut self, time_ms: i64) -> Result<()> {
        while let Some(label) = self.labels.as_mut().and_then(|labels| labels.due(time_ms)) {
            self.send_label(label)?;
        }
        Ok(())
    }

    fn send_label(&mut self, label: Label) -> Result<()> {
        let origin = Origin::LabelOf(label.row);
        let time_ms = Some(label.time_ms);
        self.send(origin, Some(&label.key), &label.json, time_ms, label.header)?;
        self.counts.labels += 1;
        Ok(())
    }

    fn send(
        &mut self,
        origin: Origin,
        key: Option<&str>,
        payload: &[u8],
        time_ms: Option<i64>,
        header: Option<String>,
    ) -> Result<()> {
        self.pace.wait();
        self.outbox.send(Outgoing {
            origin,
            key: key.map(str::to_owned),
            payload: payload.to_owned(),
            timestamp_ms: time_ms.filter(|_| self.timestamp == RecordTimestamp::Event),
            header,
        })
    }

    /// Names the rows whose label was not sent; an error where none was.
    fn tell_refused_labels(&self) -> Result<()> {
        let Some(labels) = self
            .labels
            .as_ref()
            .filter(|labels| !labels.refused().is_empty())
        else {
            return Ok(());
        };
        let refused = labels.refused();
        let words = refused.words(labels.column());
        anyhow::ensure!(
            !refused.are_all(),
            "{words}; no label was sent: is it the right column?"
        );
        eprintln!("{words}");
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.send_labels_due(i64::MAX)?;
        self.outbox.finish()
    }
}
