//! Which letters are meant.

use std::collections::HashSet;

use tillwatch_sink::Letter;

use crate::cli::ChoiceArgs;

/// Letters that the command line means.
pub struct Choice {
    /// Where their records were; empty for anywhere.
    positions: HashSet<String>,
    args: ChoiceArgs,
    since_ms: i64,
    until_ms: i64,
}

impl Choice {
    /// What `args` and `positions` mean at `now_ms`, milliseconds since 1970.
    pub fn new(args: &ChoiceArgs, positions: &[String], now_ms: i64) -> Self {
        Self {
            positions: positions.iter().cloned().collect(),
            since_ms: args.since.map_or(i64::MIN, |since| since.at(now_ms)),
            until_ms: args.until.map_or(i64::MAX, |until| until.at(now_ms)),
            args: args.clone(),
        }
    }

    pub fn takes(&self, letter: &Letter) -> bool {
        let Self {
            positions,
            args,
            since_ms,
            until_ms,
        } = self;
        let is_timed = args.since.is_some() || args.until.is_some();
        let in_time = match letter.time_ms() {
            Some(time_ms) => (*since_ms..*until_ms).contains(&time_ms),
            None => false,
        };
        let topic = args.source_topic.as_deref();
        (positions.is_empty() || positions.contains(&letter.position()))
            && (args.reason.is_empty() || args.reason.contains(&letter.reason))
            && (args.partition.is_empty() || args.partition.contains(&letter.source.partition))
            && topic.is_none_or(|topic| topic == &*letter.source.topic)
            && (!is_timed || in_time)
    }
}

#[cfg(test)]
pub mod tests {
    use tillwatch_records::TopicPartition;

    use super::*;
    use crate::cli::dlq::Moment;

    /// A letter of the record at `transactions/partition/offset`.
    pub fn letter(partition: i32, offset: i64, time_ms: Option<i64>, reason: &str) -> Letter {
        Letter {
            place: (0, offset),
            written_ms: None,
            source: TopicPartition::new("transactions", partition),
            offset,
            timestamp_ms: time_ms,
            reason: reason.to_owned(),
            detail: String::new(),
            key: None,
            payload: None,
            headers: Vec::new(),
            attempts: 0,
            origin: None,
            reduced: None,
        }
    }

    fn takes(args: &ChoiceArgs, positions: &[&str]) -> Vec<i64> {
        let letters = [
            letter(0, 10, Some(1_000), "bad_time"),
            letter(0, 11, Some(2_000), "bad_json"),
            letter(1, 12, Some(3_000), "bad_time"),
            letter(1, 13, None, "bad_time"),
        ];
        let positions: Vec<String> = positions.iter().map(|p| (*p).to_owned()).collect();
        let choice = Choice::new(args, &positions, 10_000);
        let taken = letters.iter().filter(|letter| choice.takes(letter));
        taken.map(|letter| letter.offset).collect()
    }

    #[test]
    fn each_condition_narrows_the_choice() {
        let all = ChoiceArgs::default;
        assert_eq!(takes(&all(), &[]), [10, 11, 12, 13]);
        assert_eq!(takes(&all(), &["transactions/1/12", "other/0/10"]), [12]);
        let reason = vec!["bad_time".to_owned()];
        let by_reason = ChoiceArgs { reason, ..all() };
        assert_eq!(takes(&by_reason, &[]), [10, 12, 13]);
        let partition = vec![1];
        assert_eq!(
            takes(
                &ChoiceArgs {
                    partition,
                    ..by_reason
                },
                &[]
            ),
            [12, 13]
        );
        let since = Some(Moment::At(2_000));
        assert_eq!(takes(&ChoiceArgs { since, ..all() }, &[]), [11, 12]);
        let until = Some(Moment::At(2_000));
        assert_eq!(takes(&ChoiceArgs { until, ..all() }, &[]), [10]);
        let source_topic = Some("other".to_owned());
        assert!(
            takes(
                &ChoiceArgs {
                    source_topic,
                    ..all()
                },
                &[]
            )
            .is_empty()
        );
    }
}
