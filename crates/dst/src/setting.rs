//! What a simulated site is like.

use tillwatch_records::TopicPartition;

use crate::dice::Dice;

/// The consumer group.
pub(crate) const GROUP: &str = "simulated";

/// When the clock begins, in milliseconds since 1970.
pub(crate) const BEGIN_MS: i64 = 1_700_000_000_000;

/// A site: a function of the seed.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// Partitions at first, each with a lane.
    pub(crate) partitions: usize,
    /// Two topics, whose partitions of one number are one lane.
    pub(crate) is_merged: bool,
    /// Outputs and offsets are stored in transactions.
    pub(crate) is_exactly_once: bool,
    /// Instances at first.
    pub(crate) instances: usize,
    pub(crate) batch_records_max: usize,
    /// How far back a lane without a snapshot reads again, in milliseconds.
    pub(crate) replay_max_ms: i64,
    /// How long a lost lane is kept, in milliseconds.
    pub(crate) keep_lost_ms: i64,
    /// Retention may overtake what is read.
    pub(crate) is_short_of_room: bool,
}

impl Setting {
    pub(crate) fn of(dice: &mut Dice) -> Self {
        let is_merged = dice.percent(25);
        Self {
            partitions: if is_merged {
                1
            } else {
                dice.between(1, 4) as usize
            },
            is_merged,
            is_exactly_once: dice.percent(40),
            instances: dice.between(1, 4) as usize,
            batch_records_max: dice.between(3, 24) as usize,
            replay_max_ms: [0, 1_200_000, 7_200_000, i64::MAX][dice.below(4) as usize],
            keep_lost_ms: [0, 60_000, 600_000][dice.below(3) as usize],
            is_short_of_room: dice.percent(20),
        }
    }

    pub(crate) fn topics(&self) -> &'static [&'static str] {
        match self.is_merged {
            true => &["sales", "status"],
            false => &["sales"],
        }
    }

    /// The partitions of a lane.
    pub(crate) fn sources(&self, lane: usize) -> Vec<TopicPartition> {
        let topics = self.topics().iter();
        topics
            .map(|topic| TopicPartition::new(*topic, lane as i32))
            .collect()
    }

    /// Stages of a lane, each of which has bytes of its own.
    pub(crate) fn stages(&self) -> u64 {
        2
    }
}
