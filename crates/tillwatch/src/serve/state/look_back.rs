//! Where in the log a lane without a snapshot begins to read again.

/// The search for the newest record ends when it is known to this, in milliseconds.
const RESOLUTION_MS: i64 = 60_000;

/// How a lane reads again that has no snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookBack {
    /// Records that are older than the newest one by more than this say nothing of what comes.
    pub needed_ms: i64,
    /// Nothing older is read again, whatever it says.
    pub most_ms: i64,
}

/// One source as it is asked about.
pub trait Log {
    type Error;

    /// The first offset of a record with a timestamp of `time_ms` or later.
    fn first_at(&self, time_ms: i64) -> Result<Option<i64>, Self::Error>;
}

impl LookBack {
    /// The timestamp from which on records are read again, where the newest has one of `newest_ms` or later.
    pub fn begin_ms(self, newest_ms: i64) -> i64 {
        newest_ms
            .saturating_sub(self.needed_ms.min(self.most_ms))
            .max(0)
    }
}

/// A time that the newest record of `log` before `committed` is not older than, and newer by a minute at
/// most unless it is in the future of `now_ms`; `None` where there is no record before that.
pub fn newest_before<L: Log>(
    log: &L,
    committed: i64,
    now_ms: i64,
) -> Result<Option<i64>, L::Error> {
    let has_newer = |time_ms| {
        Ok(log
            .first_at(time_ms)?
            .is_some_and(|offset| offset < committed))
    };
    let (mut known_ms, mut step_ms, mut above_ms) = (now_ms, RESOLUTION_MS, now_ms);
    while !has_newer(known_ms)? {
        if known_ms == 0 {
            return Ok(None);
        }
        above_ms = known_ms;
        known_ms = now_ms.saturating_sub(step_ms).max(0);
        step_ms = step_ms.saturating_mul(2);
    }
    while above_ms - known_ms > RESOLUTION_MS {
        let middle_ms = known_ms + (above_ms - known_ms) / 2;
        match has_newer(middle_ms)? {
            true => known_ms = middle_ms,
            false => above_ms = middle_ms,
        }
    }
    Ok(Some(known_ms))
}

/// Whether `log` has all records with timestamps from `from_ms` on: it was never cut, or has older ones.
pub fn reaches_back<L: Log>(log: &L, from_ms: i64) -> Result<bool, L::Error> {
    let Some(first) = log.first_at(0)? else {
        return Ok(false);
    };
    Ok(first == 0 || log.first_at(from_ms)?.is_some_and(|from| from > first))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;

    const NOW_MS: i64 = 1_767_225_600_000;

    /// Timestamps by offset, from a first one on.
    struct Listed {
        first: i64,
        times_ms: Vec<i64>,
        asked: Cell<u32>,
    }

    impl Log for Listed {
        type Error = Infallible;

        fn first_at(&self, time_ms: i64) -> Result<Option<i64>, Infallible> {
            self.asked.set(self.asked.get() + 1);
            let found = self.times_ms.iter().position(|time| *time >= time_ms);
            Ok(found.map(|index| self.first + index as i64))
        }
    }

    fn newest(first: i64, ages_ms: &[i64], committed: i64) -> (Option<i64>, u32) {
        let log = Listed {
            first,
            times_ms: ages_ms.iter().map(|age| NOW_MS - age).collect(),
            asked: Cell::new(0),
        };
        let Ok(found) = newest_before(&log, committed, NOW_MS);
        (found.map(|time_ms| NOW_MS - time_ms), log.asked.get())
    }

    #[test]
    fn the_newest_record_is_found_to_a_minute_with_few_questions() {
        const DAY_MS: i64 = 86_400_000;
        for (ages_ms, committed, age_ms) in [
            (vec![5_000, 4_000, 0], 3, 0),
            (vec![3 * DAY_MS, 2 * DAY_MS, 1_000], 2, 2 * DAY_MS),
            // Out of order: the newest of those before the offset counts.
            (vec![2 * DAY_MS, 9 * DAY_MS, 1_000], 2, 2 * DAY_MS),
            (vec![20_000 * DAY_MS], 1, 20_000 * DAY_MS),
        ] {
            let (found, asked) = newest(0, &ages_ms, committed);
            let found = found.unwrap();
            assert!(
                (age_ms..=age_ms + RESOLUTION_MS).contains(&found),
                "{found} of {age_ms}"
            );
            assert!(asked < 60, "{asked}");
        }
        // Everything before the offset was deleted.
        assert_eq!(newest(10, &[5_000], 10).0, None);
        assert_eq!(newest(0, &[], 0).0, None);
    }

    #[test]
    fn a_log_that_was_cut_reaches_back_to_its_second_record() {
        let reaches = |first: i64, age_ms: i64| {
            let log = Listed {
                first,
                times_ms: vec![NOW_MS - 900, NOW_MS - 500],
                asked: Cell::new(0),
            };
            let Ok(reaches) = reaches_back(&log, NOW_MS - age_ms);
            reaches
        };
        assert!(reaches(0, 2_000) && reaches(0, 100));
        assert!(reaches(7, 500) && reaches(7, 800));
        // What came before the first that is left may be missing.
        assert!(!reaches(7, 900) && !reaches(7, 2_000));
        // Nothing is as new.
        assert!(!reaches(7, 100));
        let empty = Listed {
            first: 3,
            times_ms: Vec::new(),
            asked: Cell::new(0),
        };
        assert_eq!(reaches_back(&empty, 0), Ok(false));
    }

    #[test]
    fn no_more_is_read_than_is_needed_and_allowed() {
        let back = |needed_ms, most_ms| LookBack { needed_ms, most_ms }.begin_ms(1_000);
        assert_eq!(back(300, 500), 700);
        assert_eq!(back(600, 500), 500);
        assert_eq!(back(600, 5_000), 400);
        assert_eq!(back(2_000, 5_000), 0);
    }
}
