//! Limits of topics against each other and against ours: what may be refused, and what happens then.

use tillwatch_consumer::{TopicFindings, TopicSettings};
use tillwatch_records::limits::PAYLOAD_BYTES_MAX;
use tillwatch_records::units::DurationMs;
use tillwatch_sink::Output;

use super::report::Finding;

/// librdkafka's own default for `receive.message.max.bytes`.
const RECEIVE_BYTES_MAX: i64 = 100_000_000;

/// What a dead letter has more than its record: headers with position, reason and detail, and the batch
/// around it.
const LETTER_BYTES_MORE: i64 = 4_096;

/// The broker counts the batch around a record as well; so much more than our limit is no larger record.
const BATCH_BYTES_MORE: i64 = 1_024;

/// A score with its reasons and the values of many features stays below this.
const SCORE_BYTES: i64 = 64 * 1_024;

/// Nobody looks at a dead letter sooner than after a weekend.
const LETTERS_KEPT_MS: i64 = 3 * 24 * 3_600 * 1_000;

/// Clocks of servers that nobody synchronises differ by this much soon.
const CLOCKS_MS: i64 = 60_000;

/// A topic that is read and whose settings are known.
pub struct Input<'a> {
    name: &'a str,
    settings: &'a TopicSettings,
    /// Bytes that the consumer takes in one answer.
    receive_bytes_max: i64,
}

/// A topic that is written and whose settings are known.
pub struct Written<'a> {
    output: Output,
    name: &'a str,
    settings: &'a TopicSettings,
    replicas_min: usize,
    in_sync_min: usize,
}

/// How large a dead letter may be.
pub struct Letters<'a> {
    name: &'a str,
    /// Bytes that the topic takes.
    topic_bytes_max: i64,
    /// Bytes that our client sends.
    client_bytes_max: i64,
}

impl<'a> Input<'a> {
    /// `topic` where its settings are known; `receive_bytes_max` where the operator has set it.
    pub fn of(topic: &'a TopicFindings, receive_bytes_max: Option<i64>) -> Option<Self> {
        Some(Self {
            name: &topic.name,
            settings: topic.settings.as_ref().ok()?,
            receive_bytes_max: receive_bytes_max.unwrap_or(RECEIVE_BYTES_MAX),
        })
    }

    fn bytes_max(&self) -> Option<i64> {
        self.settings.number("max.message.bytes")
    }
}

impl<'a> Written<'a> {
    /// The topic of an output, where its settings are known.
    pub fn of((output, topic): (Output, &'a TopicFindings)) -> Option<Self> {
        let facts = topic.facts.as_ref().ok()?;
        Some(Self {
            output,
            name: &topic.name,
            settings: topic.settings.as_ref().ok()?,
            replicas_min: facts.replicas_min,
            in_sync_min: facts.in_sync_min,
        })
    }
}

impl<'a> Letters<'a> {
    /// The topic of dead letters, where its settings are known; our client sends up to `client_bytes_max`.
    pub fn of(topic: &'a TopicFindings, client_bytes_max: u64) -> Option<Self> {
        Some(Self {
            name: &topic.name,
            topic_bytes_max: topic.settings.as_ref().ok()?.number("max.message.bytes")?,
            client_bytes_max: i64::try_from(client_bytes_max).unwrap_or(i64::MAX),
        })
    }

    /// Bytes of the largest record whose letter is taken whole.
    fn whole_bytes_max(&self) -> i64 {
        let smaller = self.topic_bytes_max.min(self.client_bytes_max);
        (smaller - LETTER_BYTES_MORE).max(0)
    }
}

/// A line for each thing that may be refused or lost. `unknown` are topics whose settings we may not see.
pub fn findings(
    inputs: &[Input<'_>],
    outputs: &[Written<'_>],
    letters: Option<&Letters<'_>>,
    unknown: &[&TopicFindings],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for input in inputs {
        findings.extend(input_findings(input));
    }
    for output in outputs {
        findings.extend(acknowledgement(output));
        findings.extend(compaction(output));
        findings.extend(retention(output));
        findings.extend(timestamps(output));
        findings.extend(score_size(output));
    }
    if let Some(letters) = letters {
        findings.push(letter_size(inputs, letters));
    }
    findings.extend(not_compared(unknown));
    findings
}

fn input_findings(input: &Input<'_>) -> Vec<Finding> {
    let name = input.name;
    let mut findings = Vec::new();
    if let Some(bytes) = input.bytes_max() {
        if bytes > input.receive_bytes_max {
            findings.push(Finding::Wrong(format!(
                "topic {name} takes records of up to {bytes} bytes and receive.message.max.bytes is \
                 {}: a larger record would stop its partition; raise it in [consumer.properties]",
                input.receive_bytes_max
            )));
        } else if bytes > PAYLOAD_BYTES_MAX as i64 + BATCH_BYTES_MORE {
            findings.push(Finding::Notice(format!(
                "topic {name} takes records of up to {bytes} bytes: those of more than \
                 {PAYLOAD_BYTES_MAX} bytes are not scored and become dead letters"
            )));
        }
    }
    if is_compacted(input.settings) {
        findings.push(Finding::Notice(format!(
            "topic {name} is compacted: of records with the same key the broker deletes all but the \
             last, read or not; set cleanup.policy=delete on it"
        )));
    }
    findings
}

fn acknowledgement(output: &Written<'_>) -> Option<Finding> {
    let needed = output.settings.number("min.insync.replicas")?;
    let count = |replicas: usize| i64::try_from(replicas).unwrap_or(i64::MAX);
    let (name, replicas) = (output.name, output.replicas_min);
    if count(replicas) < needed {
        return Some(Finding::Wrong(format!(
            "topic {name} has {replicas} replicas and min.insync.replicas is {needed}, so that no \
             write is ever acknowledged; give it more replicas or lower min.insync.replicas"
        )));
    }
    (count(output.in_sync_min) < needed).then(|| {
        Finding::Wrong(format!(
            "topic {name} has {} replicas in step at present and min.insync.replicas is {needed}, so \
             that no write is acknowledged until another broker is back; look at the brokers",
            output.in_sync_min
        ))
    })
}

fn compaction(output: &Written<'_>) -> Option<Finding> {
    if !is_compacted(output.settings) {
        return None;
    }
    let name = output.name;
    Some(match output.output {
        Output::DeadLetters => Finding::Wrong(format!(
            "topic {name} is compacted: dead letters of records without a key are refused there, and \
             of those with the same key only the last is kept; set cleanup.policy=delete on it"
        )),
        Output::Scores | Output::Alerts => Finding::Notice(format!(
            "topic {name} is compacted: only the last of the {} of each entity is kept, and one \
             without a key is refused; set cleanup.policy=delete on it to keep all",
            output.output.as_str()
        )),
    })
}

fn retention(output: &Written<'_>) -> Option<Finding> {
    let kept_ms = output.settings.number("retention.ms")?;
    let is_short = (0..LETTERS_KEPT_MS).contains(&kept_ms);
    (output.output == Output::DeadLetters && is_short).then(|| {
        Finding::Notice(format!(
            "topic {} keeps dead letters for {} only (retention.ms): after that a refused record is gone",
            output.name,
            DurationMs::from_ms(kept_ms)
        ))
    })
}

fn timestamps(output: &Written<'_>) -> Option<Finding> {
    if output.settings.text("message.timestamp.type") == Some("LogAppendTime") {
        return None;
    }
    let names = [
        "message.timestamp.before.max.ms",
        "message.timestamp.after.max.ms",
    ];
    let limits = names
        .into_iter()
        .filter_map(|name| Some((name, output.settings.number(name)?)));
    let (name, limit_ms) = limits.min_by_key(|(_, limit_ms)| *limit_ms)?;
    (limit_ms < CLOCKS_MS).then(|| {
        Finding::Notice(format!(
            "topic {} refuses records whose time is more than {} from the broker's clock ({name}): \
             keep this machine's clock in step, or raise it",
            output.name,
            DurationMs::from_ms(limit_ms)
        ))
    })
}

fn score_size(output: &Written<'_>) -> Option<Finding> {
    let bytes = output.settings.number("max.message.bytes")?;
    (output.output != Output::DeadLetters && bytes < SCORE_BYTES).then(|| {
        Finding::Notice(format!(
            "topic {} takes records of up to {bytes} bytes (max.message.bytes): one of the {} with \
             many reasons or with features may be larger and is refused; raise it to {SCORE_BYTES}",
            output.name,
            output.output.as_str()
        ))
    })
}

/// How large a record may be so that its letter is whole.
fn letter_size(inputs: &[Input<'_>], letters: &Letters<'_>) -> Finding {
    let (whole, name) = (letters.whole_bytes_max(), letters.name);
    let then =
        "is kept in a reduced form: where it was, why it was refused, its size and its first bytes";
    let largest = inputs
        .iter()
        .filter_map(|input| Some((input.bytes_max()?, input.name)))
        .max();
    match largest {
        Some((bytes, input)) if bytes > whole + LETTER_BYTES_MORE => {
            let limit = if letters.client_bytes_max < letters.topic_bytes_max {
                format!(
                    "message.max.bytes of the sink is {}",
                    letters.client_bytes_max
                )
            } else {
                format!("max.message.bytes of {name} is {}", letters.topic_bytes_max)
            };
            Finding::Notice(format!(
                "topic {input} takes records of up to {bytes} bytes and {limit}: a refused record of \
                 more than {whole} bytes {then}; raise the limit to {} to keep all of them whole",
                bytes + LETTER_BYTES_MORE
            ))
        }
        _ => Finding::Fine(format!(
            "dead letters: a refused record of up to {whole} bytes is kept whole in {name}, a larger \
             one {then}"
        )),
    }
}

fn not_compared(unknown: &[&TopicFindings]) -> Option<Finding> {
    let names: Vec<&str> = unknown.iter().map(|topic| topic.name.as_str()).collect();
    let refusal = unknown.first()?.settings.as_ref().err()?;
    Some(Finding::Notice(format!(
        "the settings of {} cannot be read ({refusal}), so their limits were not compared; grant \
         DESCRIBE_CONFIGS on these topics to have that done",
        names.join(", ")
    )))
}

fn is_compacted(settings: &TopicSettings) -> bool {
    let policy = settings.text("cleanup.policy").unwrap_or_default();
    policy.split(',').any(|part| part.trim() == "compact")
}

#[cfg(test)]
mod tests {
    use tillwatch_consumer::{ErrorCode, Refusal, TopicFacts};

    use super::*;

    fn topic(name: &str, replicas: usize, settings: &[(&str, &str)]) -> TopicFindings {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        TopicFindings {
            name: name.to_owned(),
            facts: Ok(TopicFacts {
                replicas_min: replicas,
                in_sync_min: replicas.saturating_sub(1),
                ..TopicFacts::default()
            }),
            settings: Ok(TopicSettings(settings.iter().map(owned).collect())),
        }
    }

    fn of_output(output: Output, replicas: usize, settings: &[(&str, &str)]) -> Vec<Finding> {
        let topic = topic("t", replicas, settings);
        findings(&[], &[Written::of((output, &topic)).unwrap()], None, &[])
    }

    fn of_letters(input: &str, letters: &str, client: u64) -> Finding {
        let (input, letters) = (
            topic("in", 1, &[("max.message.bytes", input)]),
            topic("dead", 1, &[("max.message.bytes", letters)]),
        );
        let letters = Letters::of(&letters, client).unwrap();
        letter_size(&[Input::of(&input, None).unwrap()], &letters)
    }

    #[test]
    fn records_that_no_letter_holds_are_told_with_the_limit_that_is_too_small() {
        let default = of_letters("1048588", "1048588", 2_000_000);
        assert!(matches!(default, Finding::Fine(line) if line.contains("up to 1044492 bytes")));
        let topic = of_letters("3000000", "1048588", 2_000_000);
        assert!(
            matches!(topic, Finding::Notice(line) if line.contains("max.message.bytes of dead"))
        );
        let client = of_letters("3000000", "4000000", 2_000_000);
        assert!(
            matches!(client, Finding::Notice(line) if line.contains("of the sink is 2000000")
            && line.contains("raise the limit to 3004096"))
        );
        assert!(matches!(
            of_letters("3000000", "4000000", 4_000_000),
            Finding::Fine(_)
        ));
    }

    #[test]
    fn what_is_never_acknowledged_is_a_problem() {
        let needs = |count| [("min.insync.replicas", count)];
        let said = of_output(Output::Scores, 2, &needs("3"));
        assert!(
            matches!(&said[..], [Finding::Wrong(line)] if line.contains("no write is ever")),
            "{said:?}"
        );
        let said = of_output(Output::Scores, 2, &needs("2"));
        assert!(
            matches!(&said[..], [Finding::Wrong(line)] if line.contains("at present")),
            "{said:?}"
        );
        assert_eq!(of_output(Output::Scores, 2, &needs("1")), []);
    }

    #[test]
    fn compaction_loses_letters_and_old_scores() {
        let compacted = [("cleanup.policy", "compact,delete")];
        assert!(matches!(
            &of_output(Output::DeadLetters, 1, &compacted)[..],
            [Finding::Wrong(_)]
        ));
        assert!(matches!(
            &of_output(Output::Scores, 1, &compacted)[..],
            [Finding::Notice(_)]
        ));
        assert_eq!(
            of_output(Output::Scores, 1, &[("cleanup.policy", "delete")]),
            []
        );
        let input = topic("in", 1, &compacted);
        let said = findings(&[Input::of(&input, None).unwrap()], &[], None, &[]);
        assert!(
            matches!(&said[..], [Finding::Notice(line)] if line.contains("topic in is compacted"))
        );
    }

    #[test]
    fn short_lives_tight_clocks_and_small_scores_are_told() {
        let hour = [("retention.ms", "3600000")];
        let said = of_output(Output::DeadLetters, 1, &hour);
        assert!(
            matches!(&said[..], [Finding::Notice(line)] if line.contains("for 1h only")),
            "{said:?}"
        );
        assert_eq!(of_output(Output::Scores, 1, &hour), []);
        assert_eq!(
            of_output(Output::DeadLetters, 1, &[("retention.ms", "-1")]),
            []
        );
        let tight = [
            ("message.timestamp.before.max.ms", "9223372036854775807"),
            ("message.timestamp.after.max.ms", "5000"),
        ];
        let said = of_output(Output::Scores, 1, &tight);
        assert!(
            matches!(&said[..], [Finding::Notice(line)] if line.contains("after.max.ms")),
            "{said:?}"
        );
        let said = of_output(Output::Alerts, 1, &[("max.message.bytes", "1000")]);
        assert!(
            matches!(&said[..], [Finding::Notice(line)] if line.contains("of the alerts")),
            "{said:?}"
        );
    }

    #[test]
    fn records_that_are_too_large_to_receive_or_to_score_are_told() {
        let of = |receive| {
            let large = topic("in", 1, &[("max.message.bytes", "3000000")]);
            findings(&[Input::of(&large, receive).unwrap()], &[], None, &[])
        };
        assert!(matches!(&of(Some(2_000_000))[..], [Finding::Wrong(_)]));
        assert!(
            matches!(&of(None)[..], [Finding::Notice(line)] if line.contains("more than 1048576"))
        );
    }

    #[test]
    fn settings_that_may_not_be_seen_are_told_once() {
        let hidden = |name| TopicFindings {
            settings: Err(Refusal::of(ErrorCode::TopicAuthorizationFailed)),
            ..topic(name, 1, &[])
        };
        let (a, b) = (hidden("a"), hidden("b"));
        let said = findings(&[], &[], None, &[&a, &b]);
        assert!(
            matches!(&said[..], [Finding::Notice(line)] if line.contains("settings of a, b")),
            "{said:?}"
        );
    }
}
