//! The command line of `tillwatch dlq`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};
use tillwatch_records::units::DurationMs;

use super::shared::ConfigArgs;

#[derive(Debug, Subcommand)]
pub enum DlqCommand {
    /// Count dead letters by reason and by the partition of their records
    #[command(after_long_help = "\
A letter is open until its record was sent again, or until it was discarded.

Examples:
  tillwatch dlq list --config tillwatch.toml
  tillwatch dlq list --config tillwatch.toml --since 2h
  tillwatch dlq list --config tillwatch.toml --reason bad_time,missing_field --json | jq .open")]
    List(ListArgs),
    /// Show dead letters: reason, position, key, headers and payload, with card data hidden
    #[command(after_long_help = "\
What looks like a card number, track data or a PIN block is shown as ***, and so is the value of each
field that is called so. --raw writes payloads as they are: these files may hold card data. Keep them
where that is allowed, and delete them afterwards.

Examples:
  tillwatch dlq show transactions/3/1742 --config tillwatch.toml
  tillwatch dlq show --config tillwatch.toml --reason bad_time --limit 3
  tillwatch dlq show --config tillwatch.toml --reason bad_time --open --limit 1000 --raw repair")]
    Show(ShowArgs),
    /// Send the records of dead letters to their topic again
    #[command(after_long_help = "\
Mend the cause first: the mapping in the configuration, or the payloads with `show --raw DIR` and
`redrive --with DIR`. Key, headers, Kafka timestamp and partition of a record stay as they were. What
was sent is noted in the dead-letter topic, so a second redrive sends only what is still open. Run one
at a time.

Exit codes: 0 done, 1 failed or refused by a broker, 4 interrupted; what was sent is noted in any case.

Examples:
  tillwatch dlq redrive --config tillwatch.toml --reason bad_time --dry-run
  tillwatch dlq redrive --config tillwatch.toml --reason bad_time --rate 500
  tillwatch dlq redrive --config tillwatch.toml --with repair
  tillwatch dlq redrive --config tillwatch.toml --reason pan_in_clear --discard")]
    Redrive(RedriveArgs),
}

/// Which letters.
#[derive(Debug, Clone, Default, Args)]
pub struct ChoiceArgs {
    /// Reasons, such as bad_time
    #[arg(long, value_name = "REASON,…", value_delimiter = ',')]
    pub reason: Vec<String>,
    /// Records from this time on: 2026-11-30T08:00:00Z, or 2h for two hours ago. A record's time is
    /// its Kafka timestamp
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,
    /// Records before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<Moment>,
    /// Partitions that the records came from
    #[arg(long, value_name = "N,…", value_delimiter = ',',
          value_parser = clap::value_parser!(i32).range(0..))]
    pub partition: Vec<i32>,
    /// Topic that the records came from
    #[arg(long, value_name = "NAME")]
    pub source_topic: Option<String>,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub choice: ChoiceArgs,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Where records were, as topic/partition/offset
    #[arg(value_name = "POSITION", value_parser = position)]
    pub positions: Vec<String>,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub choice: ChoiceArgs,
    /// Open letters only
    #[arg(long)]
    pub open: bool,
    /// Letters to show, at most
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub limit: u64,
    /// Write each payload as it is, card data included, to a file of this directory that is named
    /// topic-partition-offset. Files that are there already are left alone
    #[arg(long, value_name = "DIR")]
    pub raw: Option<PathBuf>,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct RedriveArgs {
    /// Where records were, as topic/partition/offset
    #[arg(value_name = "POSITION", value_parser = position)]
    pub positions: Vec<String>,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub choice: ChoiceArgs,
    /// Letters to send, at most
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Send to this topic; to the one that each record came from when absent
    #[arg(long, value_name = "NAME")]
    pub to: Option<String>,
    /// Leave the partition to the key, for a topic whose number of partitions was changed
    #[arg(long)]
    pub by_key: bool,
    /// How often a record may be sent again; letters beyond are left
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub attempts_max: u32,
    /// Send the payloads in the files of this directory, named topic-partition-offset or by the SHA-256
    /// of a reduced letter; letters without a file are left
    #[arg(long, value_name = "DIR")]
    pub with: Option<PathBuf>,
    /// Letters that are done with as well
    #[arg(long)]
    pub again: bool,
    /// Send nothing: note that the letters are done with
    #[arg(long, conflicts_with_all = ["to", "with", "by_key", "rate"])]
    pub discard: bool,
    /// Say what would be sent, and send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Records per second; flat out when absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Print the result as a JSON object
    #[arg(long)]
    pub json: bool,
}

/// A time, or how long ago it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Milliseconds since 1970.
    At(i64),
    /// Before now.
    Ago(DurationMs),
}

impl Moment {
    /// In milliseconds since 1970, where it is `now_ms`.
    pub fn at(self, now_ms: i64) -> i64 {
        match self {
            Self::At(ms) => ms,
            Self::Ago(ago) => now_ms.saturating_sub(ago.as_ms()),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse::<jiff::Timestamp>() {
            return Ok(Self::At(at.as_millisecond()));
        }
        let ago = text.parse().map(Self::Ago);
        ago.map_err(|_| {
            format!("`{text}` is no time; write for example 2026-11-30T08:00:00Z, or 2h for two hours ago")
        })
    }
}

/// `text`, where it is the position of a record.
fn position(text: &str) -> Result<String, String> {
    let mut parts = text.rsplitn(3, '/');
    let offset = parts.next().and_then(|offset| offset.parse::<i64>().ok());
    let partition = parts.next().and_then(|number| number.parse::<i32>().ok());
    let topic = parts
        .next()
        .filter(|topic| !topic.is_empty() && !topic.contains('@'));
    match (topic, partition, offset) {
        (Some(_), Some(_), Some(_)) => Ok(text.to_owned()),
        _ => Err("write topic/partition/offset, for example transactions/3/1742".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_how_long_ago() {
        let at = |text: &str| text.parse::<Moment>().map(|moment| moment.at(10_000_000));
        assert_eq!(at("1970-01-01T00:00:05Z"), Ok(5_000));
        assert_eq!(at("1970-01-01T02:00:05.5+02:00"), Ok(5_500));
        assert_eq!(at("2h"), Ok(2_800_000));
        assert!(at("yesterday").is_err());
    }

    #[test]
    fn a_position_has_three_parts() {
        assert!(position("a.b-c/0/17").is_ok());
        for text in ["17", "0/17", "/0/17", "t/0/", "t/x/17", "t@o5uEbV1k/0/17"] {
            assert!(position(text).is_err(), "{text}");
        }
    }
}
