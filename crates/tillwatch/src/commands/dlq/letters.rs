//! The dead-letter topic of a configuration.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tillwatch_sink::{DoneLetters, Entry, LetterReader, Output, Place, Properties, SinkSettings};

use crate::commands::progress::Progress;
use crate::config::Config;
use crate::exit;

/// How long brokers may take for each answer.
pub const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A group to read with where the configuration names none.
const GROUP: &str = "tillwatch-dlq";

/// The topic, read from its beginning to where it ended when it was opened.
pub struct LetterTopic {
    pub name: String,
    /// librdkafka properties of whoever writes it.
    pub properties: Properties,
    /// Which letters are done with.
    pub done: DoneLetters,
    reader: LetterReader,
    progress: Option<Progress>,
    read: u64,
}

impl LetterTopic {
    /// Reads the whole topic for what is done with, and begins again.
    pub fn open(config: &Config) -> Result<Self> {
        let (sink, name) = sink(config)?;
        let properties = sink.properties.over(&config.kafka);
        // Nothing joins it, and nothing is committed: it is what the user may read with.
        let group = config.consumer.as_ref();
        let group = group.map_or(GROUP, |consumer| consumer.group.as_str());
        let of_topic = || format!("dead-letter topic {name}");
        let reader = LetterReader::open(&properties, &name, group, ANSWER_MAX);
        let reader = reader.with_context(of_topic)?;
        let records = Some(reader.records());
        let mut progress = Progress::new("looking for what is done with", records);
        let mut read = 0;
        let done = reader.done(|| {
            read += 1;
            progress.set(read);
        });
        let (reader, done) = done.with_context(of_topic)?;
        progress.finish();
        Ok(Self {
            name,
            properties,
            done,
            reader,
            progress: Some(Progress::new("reading letters", records)),
            read: 0,
        })
    }

    /// The next record with its partition and offset; `None` at the end.
    pub fn read_next(&mut self) -> Result<Option<(Place, Entry)>> {
        let next = self.reader.read_next();
        let next = next.with_context(|| format!("dead-letter topic {}", self.name))?;
        self.read += 1;
        match (&next, &mut self.progress) {
            (Some(_), Some(progress)) => progress.set(self.read),
            _ => self.finish(),
        }
        Ok(next)
    }

    /// Shows no progress any more.
    pub fn finish(&mut self) {
        if let Some(progress) = self.progress.take() {
            progress.finish();
        }
    }
}

/// The sink that writes dead letters to Kafka, and the topic.
fn sink(config: &Config) -> Result<(&SinkSettings, String)> {
    let sinks = config.sink.iter().flat_map(|sinks| &sinks.0);
    let found = sinks.filter_map(|sink| {
        let topics = sink.kafka_topics().into_iter();
        let mut letters = topics.filter(|(output, _)| *output == Output::DeadLetters);
        letters.next().map(|(_, name)| (sink, name))
    });
    let mut found = found;
    found.next().context(exit::Misconfigured(
        "no [sink] of kind = \"kafka\" takes dead_letters, so there is no dead-letter topic; name one \
         in `topics`, or read the files of the sink"
            .to_owned(),
    ))
}
