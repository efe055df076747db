//! The scanner against a parser of everybody's.

use proptest::prelude::*;

use super::scan::Cursor;
use crate::tests::property::payload;

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(7),
        ..ProptestConfig::with_cases(256)
    })]

    #[test]
    fn accepts_the_json_that_serde_json_accepts(payload in payload()) {
        let Ok(text) = std::str::from_utf8(&payload) else { return Ok(()) };
        let mut cursor = Cursor::new(&payload, false);
        cursor.skip_blanks();
        let ours = cursor.skip_value(0).is_ok() && {
            cursor.skip_blanks();
            cursor.at == payload.len()
        };
        prop_assert_eq!(ours, serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
    }
}
