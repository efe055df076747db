//! The dead-letter topic, read from its beginning to its end.

use std::time::Duration;

use tillwatch_kafka::{ClientConfig, Properties, TopicReader};

use super::done::DoneLetters;
use super::letter::{Entry, Place};
use crate::SinkError;

/// A record with its place.
pub type Found = (Place, Entry);

/// Reads a dead-letter topic up to where it ended when the reader was opened.
pub struct LetterReader {
    reader: TopicReader,
}

impl LetterReader {
    /// A reader of `topic` with the client `properties` of whoever writes it. `group` is a consumer group
    /// that the user may read with; it gets no member and no offset. `timeout` is for each answer of a
    /// broker.
    ///
    /// # Errors
    /// [`SinkError::Kafka`] with what the client or the brokers say.
    pub fn open(
        properties: &Properties,
        topic: &str,
        group: &str,
        timeout: Duration,
    ) -> Result<Self, SinkError> {
        let config = ClientConfig::new(properties, &[])?;
        let reader = TopicReader::open(&config, topic, group, timeout)?;
        Ok(Self { reader })
    }

    /// How many records there are to read, at most.
    pub fn records(&self) -> u64 {
        self.reader.offsets()
    }

    /// The next record with its partition and offset; `None` at the end.
    ///
    /// # Errors
    /// [`SinkError::Kafka`] when the brokers refuse, or send nothing for half a minute.
    pub fn read_next(&mut self) -> Result<Option<Found>, SinkError> {
        let record = self.reader.read_next()?;
        Ok(record.map(|record| {
            let place = (record.partition(), record.offset());
            (place, Entry::of(&record))
        }))
    }

    /// Reads everything for the letters that are done with, and begins again. `each` is called for each
    /// record.
    ///
    /// # Errors
    /// As [`LetterReader::read_next`], and [`SinkError::Letters`] where there are more than
    /// [`DoneLetters::RANGES_MAX`] ranges.
    pub fn done(mut self, mut each: impl FnMut()) -> Result<(Self, DoneLetters), SinkError> {
        let mut done = DoneLetters::default();
        while let Some(((partition, _), entry)) = self.read_next()? {
            each();
            if let Entry::Note { fate, offsets } = entry
                && !done.read(fate, partition, &offsets)
            {
                return Err(SinkError::Letters {
                    ranges_max: DoneLetters::RANGES_MAX,
                });
            }
        }
        let reader = self.reader.again()?;
        Ok((Self { reader }, done))
    }
}
