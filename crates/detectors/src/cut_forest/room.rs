//! Copies that have the room of what they are made from.

/// A copy that can grow to the same length without taking more room.
pub(super) fn clone_with_room<T: Clone>(all: &Vec<T>) -> Vec<T> {
    let mut copy = Vec::with_capacity(all.capacity());
    copy.extend_from_slice(all);
    copy
}
