//! Which runs are merged, so that they stay few and no byte is written often.

use std::ops::Range;

use crate::run::Run;

/// Most runs that are merged at once: a frame of each is in memory.
const INPUTS_MAX: usize = 64;

/// Adjacent runs that should become one, if there are any; the newest such group, which is the
/// smallest.
///
/// When all groups are merged, every run is at most half of the one before it. So there are few of
/// them, and a byte is written again once for each doubling of what is newer than it.
pub(crate) fn due(runs: &[Run]) -> Option<Range<usize>> {
    let mut groups: Vec<(Range<usize>, u64)> = Vec::new();
    for (at, run) in runs.iter().enumerate() {
        let (mut group, mut bytes) = (at..at + 1, run.bytes);
        while let Some((_, below)) = groups.last()
            && bytes.saturating_mul(2) > *below
            && let Some((older, more)) = groups.pop()
        {
            group.start = older.start;
            bytes += more;
        }
        groups.push((group, bytes));
    }
    let (group, _) = groups.into_iter().rfind(|(group, _)| group.len() > 1)?;
    Some(group.start..group.end.min(group.start + INPUTS_MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn runs(bytes: &[u64]) -> Vec<Run> {
        let run = |&bytes: &u64| Run {
            object: String::new(),
            bytes,
            plain_bytes: 0,
            entries: 0,
            gone: 0,
        };
        bytes.iter().map(run).collect()
    }

    #[test]
    fn small_runs_wait_until_they_are_half_of_the_next() {
        assert_eq!(due(&runs(&[])), None);
        assert_eq!(due(&runs(&[100])), None);
        assert_eq!(due(&runs(&[100, 50, 25])), None);
        assert_eq!(due(&runs(&[100, 50, 26])), Some(0..3));
        assert_eq!(due(&runs(&[100, 20, 5, 3])), Some(2..4));
        assert_eq!(due(&runs(&[8; 128])), Some(0..INPUTS_MAX));
    }

    proptest! {
        /// Merging ends, soon, and leaves runs of which each is at most half of the one before.
        #[test]
        fn merging_ends_with_few_runs(mut bytes in prop::collection::vec(1_u64..1_000_000, 0..300)) {
            let mut merges = 0;
            while let Some(group) = due(&runs(&bytes)) {
                prop_assert!(group.len() > 1);
                let sum = bytes[group.clone()].iter().sum();
                bytes.splice(group, [sum]);
                merges += 1;
                prop_assert!(merges <= 300);
            }
            prop_assert!(bytes.is_sorted_by(|older, newer| newer * 2 <= *older));
        }
    }
}
