//! What the image of a key says of it to people, who do not have its catalog at hand.

use tillwatch_records::Flags;

use crate::state::Gap;
use crate::times::{NEVER_MS, is_event_time};
use crate::words::{take, take64};

/// Most words of an image before its records: those of a gap, when the key was seen, and six more.
const HEAD_WORDS: usize = 15;

/// The head of a key's image: how much is remembered of the key, and up to when. It holds no value of a
/// record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHead {
    /// Records that are held.
    pub rows: u32,
    /// Newest event time of an accepted record, milliseconds since 1970; `None` before the first.
    pub newest_ms: Option<i64>,
    /// Marks of scores that may lack records of the key's past; none where nothing is missing.
    pub lacks: Flags,
    /// Event time from which on windows lack none of them, milliseconds since 1970; `None` where they lack
    /// none.
    pub whole_at_ms: Option<i64>,
}

impl KeyHead {
    /// Reads the head of an image that a lane gave of a key, in the format of this version; `None` where it
    /// cannot be one.
    pub fn read(image: &[u8]) -> Option<Self> {
        let length = image.len() / size_of::<u32>();
        if !image.len().is_multiple_of(size_of::<u32>()) {
            return None;
        }
        let head = &image[..length.min(HEAD_WORDS) * size_of::<u32>()];
        let head: Vec<u32> = bytemuck::pod_collect_to_vec(head);
        let words = &mut &head[..];
        let gap = Gap::read_from(words)?;
        // When it was seen last, in records of the lane, and the room that it takes.
        take64(words)?;
        take(words)?;
        let (rows, compacted, stride) = (take(words)?, take(words)?, take(words)?);
        let newest_ms = take64(words)?.cast_signed();
        // The open row comes after the others.
        let least = (u64::from(rows) + 1) * u64::from(stride);
        let rest = (length - (head.len() - words.len())) as u64;
        let is_sound = compacted <= rows
            && stride > 0
            && least <= rest
            && (newest_ms == NEVER_MS || is_event_time(newest_ms));
        is_sound.then(|| Self {
            rows,
            newest_ms: (newest_ms != NEVER_MS).then_some(newest_ms),
            lacks: gap.as_ref().map_or(Flags::empty(), |gap| gap.cause),
            // An edit of the catalog may add a memory alone.
            whole_at_ms: gap
                .map(|gap| gap.whole_at_ms)
                .filter(|time_ms| *time_ms != NEVER_MS),
        })
    }
}

#[cfg(test)]
mod tests {
    use tillwatch_records::{Entries, Space};
    use tillwatch_testkit::stream::START_MS;

    use super::*;
    use crate::lane::tests::{COUNT_1H, fold_part, lane, sale};
    use crate::settings::EngineSettings;

    const HOUR_MS: i64 = 3_600_000;

    /// The head of the only key that a lane has after three records, and its image.
    fn head(missed: bool) -> (Option<KeyHead>, Vec<u8>) {
        let mut lane = lane(COUNT_1H, &EngineSettings::default(), 0);
        lane.track(0);
        let sales = [0, 9_000, 5_000].map(|ms| (ms, START_MS + ms));
        for (number, (ms, at_ms)) in sales.into_iter().enumerate() {
            fold_part(&mut lane, &[sale("a", ms as usize, at_ms)], number as i64);
        }
        if missed {
            lane.missed(START_MS + HOUR_MS);
        }
        let mut entries = Entries::default();
        assert!(lane.begin_cut(&mut Vec::new()));
        while !lane.continue_cut(&mut entries, 3) {}
        let entry = entries
            .iter()
            .find(|entry| entry.space == Space::keys(0))
            .unwrap();
        let image = entry.image.unwrap();
        (KeyHead::read(image), image.to_vec())
    }

    #[test]
    fn an_image_says_how_much_it_holds_and_up_to_when() {
        let (found, _) = head(false);
        let whole = KeyHead {
            rows: 3,
            newest_ms: Some(START_MS + 9_000),
            lacks: Flags::empty(),
            whole_at_ms: None,
        };
        assert_eq!(found, Some(whole));
        let (found, _) = head(true);
        let found = found.unwrap();
        assert_eq!((found.rows, found.newest_ms), (3, whole.newest_ms));
        assert_eq!(found.lacks, Flags::WARMING);
        let whole_at_ms = found.whole_at_ms.unwrap();
        assert!(whole_at_ms >= START_MS + 2 * HOUR_MS, "{whole_at_ms}");
    }

    #[test]
    fn what_is_no_image_has_no_head() {
        for missed in [false, true] {
            let (_, image) = head(missed);
            for length in 0..image.len() {
                // What comes after the rows is not looked at, so most of it may be missing.
                if length % 4 != 0 || length < HEAD_WORDS * 4 {
                    assert_eq!(KeyHead::read(&image[..length]), None, "{length}");
                }
            }
        }
        assert_eq!(KeyHead::read(&[0xff; 400]), None);
        assert_eq!(KeyHead::read(&[0; 400]), None);
    }
}
