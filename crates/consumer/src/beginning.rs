//! Where a lane begins that is to begin at the end of what nobody has committed.

use tillwatch_records::TopicPartition;

use crate::inlet::Inlet;
use crate::position::Position;

/// Begins `inlet` where the group has `committed`, and where it has not, at the `end` of the source, which
/// is to be committed at once: else the next start would begin at a later end, and what came between would
/// never be read. Whether everything is known; nothing has begun when it is not.
pub(crate) fn begin_at_end(
    inlet: &Inlet,
    committed: impl Fn(&TopicPartition) -> Option<i64>,
    end: impl Fn(&TopicPartition) -> Option<i64>,
) -> bool {
    let begin = |source| match committed(source) {
        Some(_) => Some(Position::Committed),
        None => end(source).map(Position::From),
    };
    let positions: Option<Vec<Position>> = inlet.sources().map(begin).collect();
    let Some(positions) = positions else {
        return false;
    };
    if inlet.begin_each(&positions) {
        for (source, position) in positions.iter().enumerate() {
            if let Position::From(offset) = position {
                inlet.commit_beginning(source, *offset);
            }
        }
    }
    true
}
