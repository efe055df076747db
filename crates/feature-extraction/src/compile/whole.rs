//! When the features of a plan are whole, see [`Wholeness`].

use crate::plan::{EventKind, Plan, Recalled, Remembered, Single, Wholeness};

/// Of a plan that is complete but for this.
pub(super) fn wholeness(plan: &Plan) -> Wholeness {
    Wholeness::new(windows_ms(plan), remembered(plan))
}

/// The longest way back of any window.
fn windows_ms(plan: &Plan) -> i64 {
    let windows = plan.made.iter().filter_map(|made| {
        let bound = plan.bounds[made.uses.window?.start];
        let labels_ms = if made.uses.labelled.is_empty() {
            0
        } else {
            plan.retention_ms()
        };
        Some(bound.before_ms + bound.resolution_ms + labels_ms)
    });
    windows.max().unwrap_or(0).max(1)
}

/// What keys remember that features read.
fn remembered(plan: &Plan) -> Vec<Remembered> {
    let of = |what| Remembered { what, events_ms: 0 };
    let singles = || plan.reads.singles.iter().map(|(single, _)| *single);
    let mut all = Vec::new();
    for slot in 0..plan.sinces.len() {
        // Gaps between records of a window need no time from before it.
        if singles().any(|single| single == Single::Since { slot }) {
            all.push(of(Recalled::Since(slot)));
        }
    }
    for slot in 0..plan.memories.len() {
        let users = plan.made.iter().filter(|m| m.uses.memories.contains(&slot));
        let windows = users.filter_map(|made| made.uses.window);
        let events_ms = windows.map(|w| plan.bounds[w.start].before_ms).max();
        let events_ms = events_ms.unwrap_or(0);
        let mut events = plan.events.iter().filter(|event| event.memory == slot);
        // Before the bit of its memory, which it asks for.
        if events.any(|event| event.kind == EventKind::Fork) {
            let what = Recalled::OtherHead(slot);
            all.push(Remembered { what, events_ms });
        }
        let what = Recalled::Memory(slot);
        all.push(Remembered { what, events_ms });
    }
    all.extend((0..plan.decayed.len()).map(|slot| of(Recalled::Decayed(slot))));
    all
}
