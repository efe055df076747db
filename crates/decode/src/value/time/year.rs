//! The year of a time that has none.

use super::civil::{DAY_MS, days, year_of};

/// Half a year, and a day for zones.
const NEAR_MS_MAX: u64 = 184 * DAY_MS.unsigned_abs();

/// Days since 1970 of the `day` of `month` that puts its time, `ms_of_day`, nearest to `near_ms`, by the
/// same clock. `None` where no year puts it within half a year, as none does for most 29ths of February.
pub(super) fn nearest(month: i64, day: i64, ms_of_day: i64, near_ms: i64) -> Option<i64> {
    let year = year_of(near_ms.div_euclid(DAY_MS));
    let years = [year, year - 1, year + 1].into_iter();
    let dates = years.filter_map(|year| days(year, month, day));
    let with_distance = dates.map(|date| {
        let distance = (date * DAY_MS + ms_of_day).abs_diff(near_ms);
        (distance, date)
    });
    let (distance, date) = with_distance.min()?;
    (distance <= NEAR_MS_MAX).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The date that is found for 12:00 on a day, near 12:00 on another.
    fn found(month: i64, day: i64, near: (i64, i64, i64)) -> Option<i64> {
        let noon = DAY_MS / 2;
        let near = days(near.0, near.1, near.2).unwrap() * DAY_MS + noon;
        nearest(month, day, noon, near)
    }

    #[test]
    fn the_year_turns_both_ways() {
        assert_eq!(found(12, 31, (2027, 1, 1)), days(2026, 12, 31));
        assert_eq!(found(1, 1, (2026, 12, 31)), days(2027, 1, 1));
        assert_eq!(found(1, 5, (2026, 1, 5)), days(2026, 1, 5));
        assert_eq!(found(7, 1, (2026, 1, 5)), days(2026, 7, 1));
        assert_eq!(found(7, 30, (2026, 1, 5)), days(2025, 7, 30));
    }

    #[test]
    fn the_29th_of_february_is_in_leap_years_alone() {
        assert_eq!(found(2, 29, (2024, 3, 2)), days(2024, 2, 29));
        assert_eq!(found(2, 29, (2024, 1, 2)), days(2024, 2, 29));
        assert_eq!(found(2, 29, (2023, 12, 31)), days(2024, 2, 29));
        assert_eq!(found(2, 29, (2025, 3, 1)), None);
        assert_eq!(found(2, 29, (2026, 3, 1)), None);
        assert_eq!(found(2, 30, (2024, 3, 1)), None);
    }

    #[test]
    fn every_day_near_every_day_is_found_again() {
        let start = days(2023, 1, 1).unwrap();
        for near in (start..start + 800).step_by(3) {
            for date in (near - 180..near + 181).step_by(7) {
                let of = jiff::civil::date(1970, 1, 1)
                    .checked_add(jiff::Span::new().days(date))
                    .unwrap();
                let again = nearest(of.month().into(), of.day().into(), 7, near * DAY_MS);
                assert_eq!(again, Some(date), "{of}");
            }
        }
    }
}
