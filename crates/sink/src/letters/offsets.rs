//! Sets of offsets.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Offsets of one partition, kept as ranges. Written as `3-9,12`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Offsets {
    /// First offset → last offset. Ranges neither meet nor touch.
    ranges: BTreeMap<i64, i64>,
}

impl Offsets {
    pub(crate) fn contains(&self, offset: i64) -> bool {
        let range = self.ranges.range(..=offset).next_back();
        range.is_some_and(|(_, last)| offset <= *last)
    }

    /// Adds all offsets from `first` to `last`.
    pub(crate) fn insert(&mut self, first: i64, last: i64) {
        let (mut first, mut last) = (first, last);
        // From behind: each range that meets or touches the new one becomes part of it.
        while let Some((&start, &end)) = self.ranges.range(..=last.saturating_add(1)).next_back() {
            if end.saturating_add(1) < first {
                break;
            }
            self.ranges.remove(&start);
            first = first.min(start);
            last = last.max(end);
        }
        self.ranges.insert(first, last);
    }

    /// How many ranges there are.
    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// The ranges in their order, as texts of at most about `bytes`.
    pub(crate) fn texts(&self, bytes: usize) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for (first, last) in &self.ranges {
            match texts.last_mut() {
                Some(text) if text.len() < bytes => text.push(','),
                _ => texts.push(String::new()),
            }
            if let Some(text) = texts.last_mut() {
                // Writing to a string does not fail.
                let _ = match first == last {
                    true => write!(text, "{first}"),
                    false => write!(text, "{first}-{last}"),
                };
            }
        }
        texts
    }

    /// Adds the ranges of `text`; what is none is passed over.
    pub(crate) fn read(&mut self, text: &str) {
        for range in text.split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            if let (Ok(first), Ok(last)) = (first.parse::<i64>(), last.parse::<i64>())
                && 0 <= first
                && first <= last
            {
                self.insert(first, last);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_the_set_and_survives_its_text(ranges in prop::collection::vec((0_i64..60, 0_i64..6), 0..20)) {
            let mut offsets = Offsets::default();
            let mut expected = BTreeSet::new();
            for (first, length) in ranges {
                offsets.insert(first, first + length);
                expected.extend(first..=first + length);
            }
            for offset in 0..70 {
                prop_assert_eq!(offsets.contains(offset), expected.contains(&offset));
            }
            let mut read = Offsets::default();
            for text in offsets.texts(8) {
                prop_assert!(text.len() < 20);
                read.read(&text);
            }
            prop_assert_eq!(&read, &offsets);
            // As few ranges as there can be.
            let begins = expected.iter().filter(|offset| !expected.contains(&(*offset - 1)));
            prop_assert_eq!(offsets.len(), begins.count());
        }
    }

    #[test]
    fn what_is_no_range_is_passed_over() {
        let mut offsets = Offsets::default();
        offsets.read("x,7-3,-4,2,,5-6,9223372036854775807");
        assert_eq!(offsets.texts(100), ["2,5-6,9223372036854775807"]);
    }
}
