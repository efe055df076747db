//! How far each lane is that is being brought back.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tillwatch_records::TopicPartition;

use crate::clock;

/// Between two lines of the log about one lane.
const LOG_INTERVAL: Duration = Duration::from_secs(5);

/// The lanes that do not score yet. Those that do are not in it.
#[derive(Debug, Default)]
pub struct Standings(Mutex<BTreeMap<TopicPartition, Known>>);

/// Where a lane is on its way to its first score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is not known yet what there is to restore.
    Asking,
    /// A snapshot is read.
    Restoring {
        /// Bytes that were read, and all of them.
        read: u64,
        total: u64,
    },
    /// Records from before the committed offset are read again.
    Replaying {
        /// Offsets that are left, and all of them; none left where that is not known yet.
        left: Option<u64>,
        total: u64,
    },
}

#[derive(Debug)]
struct Known {
    standing: Standing,
    /// When the lane was assigned, and when it came to what it is at.
    assigned: Instant,
    since: Instant,
    said: Instant,
}

impl Standings {
    /// A lane was assigned.
    pub fn begin(&self, lane: &TopicPartition) {
        let now = clock::now();
        let known = Known {
            standing: Standing::Asking,
            assigned: now,
            since: now,
            said: now,
        };
        self.0.lock().insert(lane.clone(), known);
    }

    /// A lane is at `standing`; says so every few seconds.
    pub fn set(&self, lane: &TopicPartition, standing: Standing) {
        let mut lanes = self.0.lock();
        let Some(known) = lanes.get_mut(lane) else {
            return;
        };
        let now = clock::now();
        if std::mem::discriminant(&known.standing) != std::mem::discriminant(&standing) {
            known.since = now;
        }
        known.standing = standing;
        if now.duration_since(known.said) >= LOG_INTERVAL {
            known.said = now;
            let left = known.time_left(now);
            tracing::info!(
                topic = &*lane.topic,
                partition = lane.partition,
                left_s = left.map(|left| left.as_secs()),
                "{standing}"
            );
        }
    }

    /// A lane scores, or is gone: how long it took since it was assigned, if it had not scored before.
    pub fn end(&self, lane: &TopicPartition) -> Option<Duration> {
        let known = self.0.lock().remove(lane)?;
        Some(clock::now().duration_since(known.assigned))
    }

    /// Where a lane is, if it is among them.
    pub fn get(&self, lane: &TopicPartition) -> Option<Standing> {
        self.0.lock().get(lane).map(|known| known.standing)
    }

    /// Every lane among them.
    pub fn all(&self) -> Vec<(TopicPartition, Standing)> {
        let lanes = self.0.lock();
        let lanes = lanes.iter();
        lanes
            .map(|(lane, known)| (lane.clone(), known.standing))
            .collect()
    }
}

impl Known {
    /// How long it is going to take yet, if it goes on as it went.
    fn time_left(&self, now: Instant) -> Option<Duration> {
        let share = self.standing.share().filter(|share| *share > 0.0)?;
        let spent = now.duration_since(self.since);
        Some(spent.mul_f64((1.0 - share) / share))
    }
}

impl Standing {
    /// Which part of what it is at is done, from 0 to 1.
    pub fn share(self) -> Option<f64> {
        let (done, total) = match self {
            Self::Asking | Self::Replaying { left: None, .. } => return None,
            Self::Restoring { read, total } => (read, total),
            Self::Replaying {
                left: Some(left),
                total,
            } => (total.saturating_sub(left), total),
        };
        Some((done as f64 / total.max(1) as f64).min(1.0))
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.share().unwrap_or(0.0) * 100.0;
        match self {
            Self::Asking => f.write_str("looking for a snapshot"),
            Self::Restoring { .. } => write!(f, "restoring: {percent:.0} %"),
            Self::Replaying { left: None, .. } => f.write_str("replaying: about to begin"),
            Self::Replaying {
                left: Some(left), ..
            } => write!(f, "replaying: {percent:.0} %, {left} offsets left"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_among_them_until_it_scores() {
        let standings = Standings::default();
        let lane = TopicPartition::new("tx", 3);
        standings.set(&lane, Standing::Asking);
        assert!(standings.all().is_empty(), "it was not assigned");
        standings.begin(&lane);
        let standing = Standing::Restoring {
            read: 41,
            total: 100,
        };
        standings.set(&lane, standing);
        assert_eq!(standings.all(), [(lane.clone(), standing)]);
        assert_eq!(standing.to_string(), "restoring: 41 %");
        assert!(standings.end(&lane).is_some());
        assert!(standings.end(&lane).is_none() && standings.get(&lane).is_none());
    }

    #[test]
    fn time_left_follows_from_what_is_done() {
        let now = clock::now();
        let known = |standing| Known {
            standing,
            assigned: now,
            since: now - Duration::from_secs(10),
            said: now,
        };
        let replaying = |left| Standing::Replaying { left, total: 100 };
        let left = known(replaying(Some(75))).time_left(now).unwrap();
        assert_eq!(left.as_secs(), 30);
        assert_eq!(known(replaying(None)).time_left(now), None);
        assert_eq!(known(replaying(Some(100))).time_left(now), None);
        let words = replaying(Some(75)).to_string();
        assert_eq!(words, "replaying: 25 %, 75 offsets left");
    }
}
