//! Whether the rows of a file come in the order of their times.

use tillwatch_records::units::DurationMs;

/// A row that is later than all others by more than this is told: longer than any time zone, so that it is no
/// question of clocks.
const ALONE_MS: i64 = 86_400_000;

/// Watches the times of rows as they come.
#[derive(Debug, Default)]
pub struct TimeOrder {
    rows: u64,
    /// Rows that are earlier than one before them.
    behind: u64,
    /// The one that is so by most.
    worst: Option<Behind>,
    newest: Option<Newest>,
}

/// A row that comes after one that is later.
#[derive(Debug, Clone, Copy)]
struct Behind {
    row: i64,
    /// The row before it.
    later: i64,
    by_ms: i64,
}

#[derive(Debug, Clone, Copy)]
struct Newest {
    row: i64,
    time_ms: i64,
    /// Time of the latest of the other rows.
    second_ms: Option<i64>,
}

impl TimeOrder {
    /// Notes the next row.
    pub fn note(&mut self, row: i64, time_ms: i64) {
        self.rows += 1;
        let Some(newest) = &mut self.newest else {
            self.newest = Some(Newest {
                row,
                time_ms,
                second_ms: None,
            });
            return;
        };
        if time_ms >= newest.time_ms {
            *newest = Newest {
                row,
                time_ms,
                second_ms: Some(newest.time_ms),
            };
            return;
        }
        newest.second_ms = newest.second_ms.max(Some(time_ms));
        self.behind += 1;
        let by_ms = newest.time_ms - time_ms;
        if self.worst.is_none_or(|worst| worst.by_ms < by_ms) {
            self.worst = Some(Behind {
                row,
                later: newest.row,
                by_ms,
            });
        }
    }

    /// What is to be told of it, in words.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if let Some(Behind { row, later, by_ms }) = self.worst {
            remarks.push(format!(
                "out of time order: {} of {} rows are earlier than a row before them, row {row} by most: it is \
                 {} earlier than row {later}",
                self.behind,
                self.rows,
                words(by_ms),
            ));
        }
        if let Some(Newest {
            row,
            time_ms,
            second_ms: Some(second_ms),
        }) = self.newest
            && time_ms - second_ms > ALONE_MS
        {
            remarks.push(format!(
                "far ahead: row {row} is {} later than every other row; is its time right?",
                words(time_ms - second_ms)
            ));
        }
        remarks
    }
}

/// A duration in one unit, cut off.
fn words(ms: i64) -> String {
    let units = [86_400_000, 3_600_000, 60_000, 1_000];
    let unit = units.into_iter().find(|unit| ms >= 2 * unit).unwrap_or(1);
    DurationMs::from_ms(ms - ms % unit).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remarks(times: &[i64]) -> Vec<String> {
        let mut order = TimeOrder::default();
        for (row, time_ms) in (0..).zip(times) {
            order.note(row, *time_ms);
        }
        order.remarks()
    }

    #[test]
    fn rows_in_order_need_no_remark() {
        assert_eq!(remarks(&[]), Vec::<String>::new());
        assert_eq!(remarks(&[5]), Vec::<String>::new());
        assert_eq!(remarks(&[5, 5, 6, 86_400_005]), Vec::<String>::new());
    }

    #[test]
    fn the_row_that_is_most_behind_is_named() {
        assert_eq!(
            remarks(&[0, 7_200_000, 3_600_000, 7_100_000]),
            [
                "out of time order: 2 of 4 rows are earlier than a row before them, row 2 by most: it is 1h \
                 earlier than row 1"
            ]
        );
    }

    #[test]
    fn a_row_far_ahead_is_named_wherever_it_stands() {
        let far = 900 * 86_400_000;
        for times in [[far, 1, 2], [1, far, 2], [1, 2, far]] {
            let row = times.iter().position(|time| *time == far).unwrap();
            let said = remarks(&times);
            let last = said.last().unwrap();
            assert!(
                last.starts_with(&format!("far ahead: row {row} is 899d later")),
                "{last}"
            );
        }
    }
}
