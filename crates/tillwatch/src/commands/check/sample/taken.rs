//! The records that a sample consists of: the first of a file, or the newest of a topic.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tillwatch_consumer::{ConsumerSettings, Glance, newest};
use tillwatch_records::RawBatch;

use crate::config::Config;
use crate::files::{FileReader, STANDARD_INPUT};

/// Records that are looked at: enough for every code that is common, read in a second.
const RECORDS_MAX: usize = 5_000;

/// Bytes of records from which on no more are taken, as all of them are held: 12 KiB for each, which is many
/// times what a payment has.
const BYTES_MAX: usize = 64 << 20;

/// For how long a topic is read.
const READ_MAX: Duration = Duration::from_secs(20);

/// A group to read with where the configuration names none.
const GROUP: &str = "tillwatch-check";

/// What a name begins with that is a topic's, whatever files there are. No topic's name has a colon.
const OF_TOPIC: &str = "topic:";

/// Records, and what is to be said of where they come from.
pub struct Taken {
    pub batches: Vec<RawBatch>,
    /// What they are, in words: `first 5 records of day.csv`.
    pub what: String,
    /// What may surprise.
    pub notices: Vec<String>,
}

/// What a name means.
enum Meant<'a> {
    File(&'a Path),
    Topic(&'a str),
}

/// Takes records of the file or topic called `name`. Brokers may leave a question for `answer_max`; with
/// `None` they are not asked.
pub fn take(config: &Config, name: &Path, answer_max: Option<Duration>) -> Result<Taken> {
    let (topic, answer_max) = match (meant(name), answer_max) {
        (Meant::File(path), _) => return of_file(config, path),
        (Meant::Topic(topic), Some(answer_max)) => (topic, answer_max),
        (Meant::Topic(topic), None) => anyhow::bail!(
            "--sample: there is no file {topic}, and with --offline no broker is asked for a topic of that \
             name; name a file, or leave out --offline"
        ),
    };
    of_topic(config, topic, answer_max).with_context(|| match name == Path::new(topic) {
        true => format!("--sample: there is no file {topic}, so it is taken for a topic"),
        false => format!("--sample: topic {topic}"),
    })
}

/// A file that is there is meant before a topic; what no topic can be called is a file.
fn meant(name: &Path) -> Meant<'_> {
    let Some(text) = name.to_str() else {
        return Meant::File(name);
    };
    if let Some(topic) = text.strip_prefix(OF_TOPIC) {
        return Meant::Topic(topic);
    }
    let is_topic_letter = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_file = name.exists() || text == STANDARD_INPUT || !text.chars().all(is_topic_letter);
    match is_file {
        true => Meant::File(name),
        false => Meant::Topic(text),
    }
}

fn of_file(config: &Config, path: &Path) -> Result<Taken> {
    let mut reader = FileReader::open(path)?;
    let mut batches = Vec::new();
    let (mut records, mut bytes) = (0, 0);
    while records < RECORDS_MAX
        && bytes < BYTES_MAX
        && let Some(mut batch) = reader.next_batch()?
    {
        batch.truncate(RECORDS_MAX - records);
        records += batch.len();
        bytes += batch.bytes_len();
        batches.push(batch);
    }
    let topics = config.consumer.iter().flat_map(|consumer| &consumer.topics);
    let is_topic = topics.into_iter().any(|topic| Path::new(topic) == path);
    let path = path.display();
    let notice = format!("{path} is a file and a topic; --sample {OF_TOPIC}{path} reads the topic");
    Ok(Taken {
        batches,
        what: format!("first {records} records of {path}"),
        notices: Vec::from_iter(is_topic.then_some(notice)),
    })
}

fn of_topic(config: &Config, topic: &str, answer_max: Duration) -> Result<Taken> {
    let without = || ConsumerSettings::new(vec![topic.to_owned()], GROUP, config.kafka.clone());
    let settings = config.consumer.clone().unwrap_or_else(without);
    let glance = Glance {
        records_max: RECORDS_MAX,
        bytes_max: BYTES_MAX,
        answer_max,
        read_max: READ_MAX,
    };
    let found = newest(&settings, topic, &glance)?;
    let records: usize = found.batches.iter().map(RawBatch::len).sum();
    let cut = format!(
        "no more than {records} records of {topic} were read: they are large, or brokers are slow"
    );
    Ok(Taken {
        batches: found.batches,
        what: format!("newest {records} records of topic {topic}"),
        notices: Vec::from_iter(found.is_cut.then_some(cut)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_file_or_a_topic() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("payments");
        std::fs::write(&file, "").unwrap();
        let is_file = |name: &Path| matches!(meant(name), Meant::File(_));
        assert!(is_file(&file));
        for name in ["-", "day-*.csv", "none/day.csv", "./day.csv", "day?.csv"] {
            assert!(is_file(Path::new(name)), "{name}");
        }
        for (name, topic) in [
            ("payments.v1_a-b", "payments.v1_a-b"),
            ("topic:Cargo.toml", "Cargo.toml"),
        ] {
            assert!(matches!(meant(Path::new(name)), Meant::Topic(found) if found == topic));
        }
        // The tests run beside it.
        assert!(is_file(Path::new("Cargo.toml")));
    }
}
