//! What lanes say they take, held against what is really allocated: in a binary of its own, since it counts
//! every allocation of the process.
#![expect(
    clippy::expect_used,
    reason = "a test fails by panicking, in its helpers as well"
)]

mod shipped;

use std::sync::Mutex;

use peak_alloc::PeakAlloc;
use tillwatch_engine::{Assembly, Input, LANE_BYTES, Lane, LaneMemory, Parts, Workspace};
use tillwatch_records::{RawBatch, TopicPartition};
use tillwatch_scoring::ModelKinds;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// Held by the test that counts.
static COUNTING: Mutex<()> = Mutex::new(());

/// Partitions of a busy topic, so many that what each takes by itself counts.
const LANES: i32 = 100;

/// Records of a batch; a lane of few terminals gets two.
const BATCH_RECORDS: i64 = 128;
const TERMINALS: i64 = 10;

/// The shipped catalog with the shipped ensemble: rules, boosted trees and a detector that learns.
fn assembly() -> Assembly {
    let mut parts = Parts::new(
        vec![shipped::stage()],
        shipped::lineup("1"),
        ModelKinds::standard(),
    );
    parts.recent_rows = 10_000;
    Assembly::new(parts).expect("the shipped files fit together")
}

fn records(partition: i32, first: i64, count: i64) -> RawBatch {
    let mut raw = RawBatch::new(TopicPartition::new("t", partition));
    for n in first..first + count {
        let json = format!(
            r#"{{"event_id":"e{n}","event_time":{},"acquirer_id":"400001","merchant_id":"M{}",
                "terminal_id":"T{}","card_token":"card-{}","amount_minor":{},"currency":"EUR"}}"#,
            1_700_000_000_000_i64 + n * 5_000,
            n % 3,
            n % TERMINALS,
            n % 40,
            n % 977 * 10,
        );
        raw.push(n, None, None, Some(json.as_bytes()), []);
    }
    raw
}

fn process(lane: &mut Lane, raw: &RawBatch, workspace: &mut Workspace) {
    let processed = lane.process(Input::Raw(raw), workspace, &mut ());
    assert_eq!(processed.expect("it is scored").refusals.len(), 0);
}

#[test]
fn many_lanes_take_what_they_say_and_little_besides_what_they_remember() {
    let _counting = COUNTING.lock();
    let assembly = assembly();
    let before = ALLOCATED.current_usage();
    let mut workspace = Workspace::default();
    let mut lanes: Vec<Lane> = (0..LANES).map(|_| assembly.lane(0)).collect();
    for first in [0, BATCH_RECORDS] {
        for (partition, lane) in (0..).zip(&mut lanes) {
            let raw = records(partition, first, BATCH_RECORDS);
            process(lane, &raw, &mut workspace);
        }
    }
    let allocated = (ALLOCATED.current_usage() - before) as u64;
    let memory: Vec<_> = lanes.iter().map(Lane::memory).collect();
    let of_lanes: u64 = memory.iter().map(LaneMemory::total).sum();
    let counted = of_lanes + workspace.bytes() as u64;
    eprintln!(
        "{LANES} lanes: allocated {allocated}, counted {counted}, workspace {}, a lane {:?}",
        workspace.bytes(),
        memory[0]
    );
    assert!(
        memory.iter().all(|memory| memory.recent > 0),
        "rows are kept"
    );
    assert!(allocated <= counted + counted / 2, "{allocated} {counted}");
    assert!(
        counted <= allocated + allocated / 2,
        "{allocated} {counted}"
    );

    // What a lane takes by itself, besides what it remembers.
    let remembered: u64 = memory
        .iter()
        .map(|memory| memory.total() - LANE_BYTES)
        .sum();
    let own = allocated.saturating_sub(remembered + workspace.bytes() as u64) / LANES as u64;
    eprintln!("{own} bytes of each lane's own");
    assert!(own <= LANE_BYTES, "{own}");
}

/// Bytes that are allocated more after `lane` has had 2,048 records in batches of `size` than before, besides
/// what it says that it takes.
fn besides(lane: &mut Lane, size: i64, workspace: &mut Workspace) -> i64 {
    let allocated = |lane: &Lane| ALLOCATED.current_usage() as i64 - lane.memory().total() as i64;
    let before = allocated(lane);
    for first in (0..2_048).step_by(size as usize) {
        let raw = records(0, first, size);
        process(lane, &raw, workspace);
    }
    allocated(lane) - before
}

#[test]
fn what_a_burst_needed_is_not_kept_by_the_lane() {
    let _counting = COUNTING.lock();
    let assembly = assembly();
    let mut workspace = Workspace::default();
    let (mut burst, mut calm) = (assembly.lane(0), assembly.lane(0));
    // Until the workspace has room for the largest batch.
    besides(&mut assembly.lane(0), 2_048, &mut workspace);
    let calm = besides(&mut calm, 16, &mut workspace);
    let burst = besides(&mut burst, 2_048, &mut workspace);
    eprintln!("besides what is remembered: {calm} calm, {burst} after a burst");
    assert!((burst - calm).abs() < LANE_BYTES as i64, "{calm} {burst}");
}
