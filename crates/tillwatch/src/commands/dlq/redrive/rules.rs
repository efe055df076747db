//! Which letters may be sent again, where to and as what.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use tillwatch_sink::{Letter, Properties, Resent};

use crate::cli::RedriveArgs;
use crate::commands::dlq::files;
use crate::config::Config;

/// Beginnings of the names of properties that say how to reach brokers, and who we are.
const CONNECTION: [&str; 8] = [
    "bootstrap.servers",
    "metadata.broker.list",
    "security.",
    "sasl.",
    "ssl.",
    "enable.ssl.",
    "enable.sasl.",
    "client.",
];

/// What is done with an open letter.
pub enum Decision {
    Send(Resent),
    Leave(Left),
}

/// Why a letter is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Its record was sent again as often as it may be.
    Attempts,
    /// It is reduced, and what it lacks is not in a file.
    Reduced,
    /// Digits of card numbers are hidden in it, and it is not in a file.
    Masked,
    /// There is no file for it.
    NoFile,
    /// Its record came from a topic that the configuration does not read.
    OtherTopic,
}

/// What the command line and the configuration allow.
pub struct Rules {
    to: Option<String>,
    by_key: bool,
    attempts_max: u32,
    with: Option<PathBuf>,
    inputs: HashSet<String>,
}

impl Left {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attempts => "sent again --attempts-max times before",
            Self::Reduced => "reduced, so not all of the record is there (--with)",
            Self::Masked => {
                "with digits of card numbers hidden, so not all of the record is there (--with)"
            }
            Self::NoFile => "without a file in --with",
            Self::OtherTopic => "of a topic that the configuration does not read (--to)",
        }
    }
}

impl Left {
    /// Why a letter is left that has not all of its record.
    fn lacking(letter: &Letter) -> Self {
        let mut known = letter.reduced.iter();
        match known.any(|reduced| reduced.masked.is_some()) {
            true => Self::Masked,
            false => Self::Reduced,
        }
    }
}

impl Rules {
    /// # Errors
    /// Why nothing can be sent, in words.
    pub fn new(args: &RedriveArgs, config: &Config) -> Result<Self, String> {
        let inputs = config.consumer.iter().flat_map(|consumer| &consumer.topics);
        let inputs: HashSet<String> = inputs.cloned().collect();
        if inputs.is_empty() && args.to.is_none() && !args.discard {
            return Err("there is no [consumer] table; name a topic with --to".to_owned());
        }
        let sinks = config.sink.iter().flat_map(|sinks| &sinks.0);
        let mut outputs = sinks.flat_map(tillwatch_sink::SinkSettings::kafka_topics);
        if let Some(to) = &args.to
            && outputs.any(|(_, output)| output == *to)
        {
            return Err(format!(
                "`{to}` is an output of the configuration; name an input with --to"
            ));
        }
        Ok(Self {
            to: args.to.clone(),
            by_key: args.by_key,
            attempts_max: args.attempts_max,
            with: args.with.clone(),
            inputs,
        })
    }

    /// What is done with `letter`, which is open.
    pub fn decide(&self, letter: &Letter) -> Result<Decision> {
        let source = &letter.source;
        if self.to.is_none() && !self.inputs.contains(&*source.topic) {
            return Ok(Decision::Leave(Left::OtherTopic));
        }
        if letter.attempts >= self.attempts_max {
            return Ok(Decision::Leave(Left::Attempts));
        }
        let payload = match &self.with {
            // Key and headers are in no file.
            Some(_)
                if letter
                    .reduced
                    .as_ref()
                    .is_some_and(|reduced| reduced.lacks_more) =>
            {
                return Ok(Decision::Leave(Left::lacking(letter)));
            }
            Some(directory) => match files::read(directory, letter)? {
                Some(payload) => Some(payload),
                None => return Ok(Decision::Leave(Left::NoFile)),
            },
            None if !letter.is_whole() => return Ok(Decision::Leave(Left::lacking(letter))),
            None => letter.payload.clone(),
        };
        Ok(Decision::Send(Resent {
            topic: self.to.clone().unwrap_or_else(|| source.topic.to_string()),
            partition: (!self.by_key).then_some(source.partition),
            key: letter.key.clone(),
            payload,
            timestamp_ms: letter.timestamp_ms,
            headers: letter.headers_again(),
        }))
    }
}

/// Prints what would be sent for the record at `position`.
pub fn say(position: &str, resent: &Resent) -> Result<()> {
    let partition = resent
        .partition
        .map_or("by key".to_owned(), |n| n.to_string());
    let bytes = resent.payload.as_ref().map_or(0, Vec::len);
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{position} would go to {} (partition {partition}), {bytes} bytes",
        resent.topic
    )?;
    Ok(())
}

/// Properties of a client that writes to the input: those of the sink, `letters`, where that is on the same
/// cluster, else what the consumer says of its brokers.
pub fn input_properties(config: &Config, letters: &Properties) -> Properties {
    let Some(consumer) = &config.consumer else {
        return letters.clone();
    };
    let input = consumer.properties.over(&config.kafka);
    if input.brokers() == letters.brokers() {
        return letters.clone();
    }
    let is_connection = |name: &str| CONNECTION.iter().any(|start| name.starts_with(start));
    let connection = input.0.into_iter();
    connection.filter(|(name, _)| is_connection(name)).collect()
}

#[cfg(test)]
mod tests {
    use tillwatch_sink::Reduced;

    use super::*;
    use crate::commands::dlq::choice::tests::letter;

    fn rules() -> Rules {
        Rules {
            to: None,
            by_key: false,
            attempts_max: 3,
            with: None,
            inputs: HashSet::from(["transactions".to_owned()]),
        }
    }

    fn left(rules: &Rules, letter: &Letter) -> Option<Left> {
        match rules.decide(letter).unwrap() {
            Decision::Leave(left) => Some(left),
            Decision::Send(_) => None,
        }
    }

    #[test]
    fn a_record_keeps_what_it_had_and_counts_its_attempts() {
        let mut letter = letter(3, 42, Some(1_000), "bad_time");
        letter.key = Some(b"T1".to_vec());
        letter.headers = vec![("trace".to_owned(), None)];
        let Decision::Send(resent) = rules().decide(&letter).unwrap() else {
            panic!("it may be sent");
        };
        assert_eq!(
            (resent.topic.as_str(), resent.partition),
            ("transactions", Some(3))
        );
        assert_eq!(
            (resent.key.as_deref(), resent.timestamp_ms),
            (Some(&b"T1"[..]), Some(1_000))
        );
        let text = |n: usize| String::from_utf8_lossy(resent.headers[n].1.as_deref().unwrap());
        assert_eq!(resent.headers[0].0, "tillwatch.redrive.attempts");
        assert_eq!((&*text(0), &*text(1)), ("1", "transactions/3/42"));
        assert_eq!(resent.headers[2], ("trace".to_owned(), None));
        // The second time it is still known where it was at first.
        letter.attempts = 1;
        letter.origin = Some("transactions/3/7".to_owned());
        let again = letter.headers_again();
        assert_eq!(again[0].1.as_deref(), Some(&b"2"[..]));
        assert_eq!(again[1].1.as_deref(), Some(&b"transactions/3/7"[..]));
    }

    #[test]
    fn what_cannot_be_sent_is_left() {
        let mut letter = letter(3, 42, Some(1_000), "bad_time");
        assert_eq!(left(&rules(), &letter), None);
        letter.attempts = 3;
        assert_eq!(left(&rules(), &letter), Some(Left::Attempts));
        letter.attempts = 0;
        let mut reduced = Reduced {
            why: String::new(),
            masked: None,
            payload_bytes: None,
            payload_sha256: None,
            lacks_payload: false,
            lacks_more: false,
        };
        letter.reduced = Some(reduced.clone());
        assert_eq!(left(&rules(), &letter), None, "nothing is lacking");
        reduced.lacks_payload = true;
        letter.reduced = Some(reduced.clone());
        assert_eq!(left(&rules(), &letter), Some(Left::Reduced));
        reduced.masked = Some("payload".to_owned());
        letter.reduced = Some(reduced.clone());
        assert_eq!(left(&rules(), &letter), Some(Left::Masked));
        reduced.masked = None;
        let directory = tempfile::tempdir().unwrap();
        let with = Some(directory.path().to_owned());
        let with = Rules { with, ..rules() };
        assert_eq!(left(&with, &letter), Some(Left::NoFile));
        std::fs::write(directory.path().join("transactions-3-42"), "{}").unwrap();
        assert_eq!(left(&with, &letter), None);
        reduced.lacks_more = true;
        letter.reduced = Some(reduced);
        assert_eq!(left(&with, &letter), Some(Left::Reduced));
        let other = Rules {
            inputs: HashSet::new(),
            ..rules()
        };
        assert_eq!(left(&other, &letter), Some(Left::OtherTopic));
        letter.reduced = None;
        let to = Rules {
            to: Some("repaired".to_owned()),
            ..other
        };
        assert_eq!(left(&to, &letter), None);
    }
}
