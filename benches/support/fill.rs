//! Lanes that have taken so much that what is measured begins with full windows.

use std::hint::black_box;
use std::sync::mpsc::sync_channel;

use tillwatch_decode::Decoded;
use tillwatch_engine::{Input, Lane, Workspace};
use tillwatch_records::{EventBatch, FieldCounts, RawBatch, UnknownCodes};

/// Batches that wait for the lane.
const AHEAD: usize = 4;

/// What a lane takes, as whoever makes it has it.
pub enum Batch {
    Events(EventBatch),
    Raw(RawBatch),
}

/// Lets `lane` take `batches` batches, which `next` makes on a thread beside it.
pub fn fill(lane: &mut Lane, batches: u64, mut next: impl FnMut() -> Batch + Send) {
    let (sender, made) = sync_channel(AHEAD);
    std::thread::scope(|scope| {
        scope.spawn(move || (0..batches).for_each(|_| sender.send(next()).unwrap()));
        let mut workspace = Workspace::default();
        for batch in made {
            take(lane, batch, &mut workspace);
        }
    });
}

/// Lets `lane` take a batch.
pub fn take(lane: &mut Lane, batch: Batch, workspace: &mut Workspace) {
    let processed = match batch {
        Batch::Raw(raw) => lane.process(Input::Raw(&raw), workspace, &mut ()),
        Batch::Events(events) => {
            let decoded = Decoded {
                events,
                refusals: Vec::new(),
                ignored: Vec::new(),
                unknown_codes: UnknownCodes::default(),
                invalid_fields: FieldCounts::default(),
            };
            lane.process(Input::Decoded(decoded), workspace, &mut ())
        }
    };
    black_box(processed.unwrap());
}
