//! Where simulated records go.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tillwatch_decode::{DecodePlan, DecodeSettings, Decoder};
use tillwatch_records::limits::BATCH_RECORDS_MAX;
use tillwatch_records::{KeySpec, Projection, RawBatch, RecordKind, TopicPartition};
use tillwatch_simulator::Emitted;
use tillwatch_sink::{OutRecord, Properties, RecordWriter};

use crate::cli::{RecordTimestamp, SimulateArgs};
use crate::files::{ParquetFile, is_parquet};

/// How long the last records may take to be acknowledged.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(60);

pub enum Output {
    Kafka {
        writer: Box<RecordWriter>,
        topic: String,
        timestamp: RecordTimestamp,
    },
    Lines(Box<dyn Write>),
    Parquet(Box<ParquetOutput>),
}

impl Output {
    pub fn open(args: &SimulateArgs) -> Result<Self> {
        if let (Some(brokers), Some(topic)) = (&args.brokers, &args.topic) {
            let mut properties: Properties = args.properties.iter().cloned().collect();
            properties
                .0
                .insert("bootstrap.servers".into(), brokers.clone());
            let writer = Box::new(RecordWriter::open(&properties)?);
            return Ok(Self::Kafka {
                writer,
                topic: topic.clone(),
                timestamp: args.timestamp,
            });
        }
        let path = args
            .output
            .as_deref()
            .context("name --output FILE, or --brokers and --topic")?;
        if path == Path::new("-") {
            return Ok(Self::Lines(Box::new(BufWriter::new(io::stdout()))));
        }
        if is_parquet(path) {
            return Ok(Self::Parquet(Box::new(ParquetOutput::create(path)?)));
        }
        let file =
            File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self::Lines(Box::new(BufWriter::with_capacity(
            1 << 20,
            file,
        ))))
    }

    /// Whether more is wanted: not when whoever reads a pipe has gone.
    pub fn write(&mut self, emitted: &Emitted, json: &[u8]) -> Result<bool> {
        match self {
            Self::Kafka {
                writer,
                topic,
                timestamp,
            } => {
                let record = OutRecord {
                    topic,
                    partition: None,
                    key: Some(&emitted.key),
                    payload: Some(json),
                    timestamp_ms: match timestamp {
                        RecordTimestamp::Event => Some(emitted.arrival_ms),
                        RecordTimestamp::Now => None,
                    },
                };
                writer.send(&record, &[])?;
            }
            Self::Lines(out) => {
                let written = out.write_all(json).and_then(|()| out.write_all(b"\n"));
                match written {
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(false),
                    other => other?,
                }
            }
            Self::Parquet(parquet) => parquet.write(emitted, json)?,
        }
        Ok(true)
    }

    pub fn finish(self) -> Result<()> {
        match self {
            Self::Kafka { writer, .. } => {
                writer.flush(FLUSH_TIMEOUT)?;
                let failed = writer.counters().failed;
                anyhow::ensure!(
                    failed == 0,
                    "{failed} records could not be delivered; the log says why (does the topic exist?)"
                );
            }
            Self::Lines(mut out) => match out.flush() {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                other => other?,
            },
            Self::Parquet(parquet) => parquet.finish()?,
        }
        Ok(())
    }
}

/// Decodes the records and writes the canonical columns of a transaction.
pub struct ParquetOutput {
    decoder: Decoder,
    batch: RawBatch,
    rows: i64,
    file: ParquetFile,
}

impl ParquetOutput {
    fn create(path: &Path) -> Result<Self> {
        let projection = Arc::new(Projection::of_kind(RecordKind::Transaction));
        let schema = Arc::clone(projection.schema());
        let plan = DecodePlan::new(&DecodeSettings::default(), projection, &KeySpec::terminal())?;
        Ok(Self {
            decoder: Decoder::new(Arc::new(plan)),
            batch: RawBatch::new(TopicPartition::new("simulation", 0)),
            rows: 0,
            file: ParquetFile::create(path, &schema)?,
        })
    }

    fn write(&mut self, emitted: &Emitted, json: &[u8]) -> Result<()> {
        self.batch
            .push(self.rows, Some(emitted.arrival_ms), None, Some(json), []);
        self.rows += 1;
        if self.batch.is_full(BATCH_RECORDS_MAX) {
            self.write_batch()
        } else {
            Ok(())
        }
    }

    fn write_batch(&mut self) -> Result<()> {
        let decoded = self.decoder.decode(&self.batch);
        if let Some(refusal) = decoded.refusals.first() {
            anyhow::bail!("a simulated record is refused: {}", refusal.detail);
        }
        self.batch.clear();
        self.file.write(&decoded.events.columns)
    }

    fn finish(mut self) -> Result<()> {
        self.write_batch()?;
        self.file.finish()
    }
}
