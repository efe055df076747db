//! How many random cases a property test tries.

use std::ops::Range;

/// The seeds that a property test tries: `default`, or those that the environment asks for:
/// `TILLWATCH_CASES` of them, from `TILLWATCH_SEED` on. Then a night can be spent on it, and a single seed
/// that failed looked at again.
///
/// # Panics
/// If a variable is set and is not a whole number.
#[expect(
    clippy::panic,
    reason = "a test that tried other seeds than asked for would say nothing"
)]
pub fn seeds(default: Range<u64>) -> Range<u64> {
    let number = |name| match std::env::var(name) {
        Ok(text) => match text.parse::<u64>() {
            Ok(number) => Some(number),
            Err(error) => panic!("{name}={text}: {error}"),
        },
        Err(_) => None,
    };
    let first = number("TILLWATCH_SEED").unwrap_or(default.start);
    let cases = number("TILLWATCH_CASES").unwrap_or(default.end - default.start);
    first..first.saturating_add(cases)
}
