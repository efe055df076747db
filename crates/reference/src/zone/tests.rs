use arrow::array::StringArray;
use jiff::tz::TimeZoneDatabase;
use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Against the zone's own rules, also outside the years of the table.
    #[test]
    fn offsets_are_those_of_the_zone(
        zone in prop::sample::select(vec![
            "UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe",
            "Africa/Casablanca", "America/Sao_Paulo", "Pacific/Apia", "Asia/Tehran",
        ]),
        time_ms in prop_oneof![-4_000_000_000_000..6_000_000_000_000_i64, 0..4_102_444_800_000_i64],
    ) {
        let names = StringArray::from(vec![zone]);
        let mut faults = Faults::default();
        let zones = Zones::new(&names, &mut faults);
        let rules = TimeZoneDatabase::bundled().get(zone).unwrap();
        let time = Timestamp::from_millisecond(time_ms).unwrap();
        let seconds = i64::from(rules.to_offset(time).seconds());
        prop_assert_eq!(zones.offset_minutes(0, time_ms), Some(seconds.div_euclid(60)));
    }
}
