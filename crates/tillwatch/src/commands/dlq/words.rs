//! Times as people read them.

/// `ms` since 1970 in UTC, a dash where there is none.
pub fn time(ms: Option<i64>) -> String {
    let Some(ms) = ms else {
        return "-".to_owned();
    };
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(time) => time.to_string(),
        // Whoever sends a record chooses its time.
        Err(_) => format!("{ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_time_can_be_read() {
        assert_eq!(time(Some(1_795_996_800_000)), "2026-11-30T00:00:00Z");
        assert_eq!(time(Some(i64::MAX)), "9223372036854775807 ms");
        assert_eq!(time(None), "-");
    }
}
