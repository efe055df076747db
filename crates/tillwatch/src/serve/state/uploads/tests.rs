//! The thread that writes, over a store that is slow or does not answer.

use tillwatch_state_store::object_store::memory::InMemory;
use tillwatch_state_store::object_store::throttle::{ThrottleConfig, ThrottledStore};
use tillwatch_state_store::{LaneId, SourceMark, StateStore};

use super::*;
use crate::serve::metrics::CutGauges;
use crate::test_support::cut_head;

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3_600);

/// What the end may take beside its wait, on a machine that is busy.
const SLACK: Duration = Duration::from_secs(5);

/// A store that takes so long to take an object.
fn slow(put: Duration) -> StateStore {
    let config = ThrottleConfig {
        wait_put_per_call: put,
        ..ThrottleConfig::default()
    };
    let objects = ThrottledStore::new(InMemory::new(), config);
    StateStore::with(Arc::new(objects), "state").unwrap()
}

fn lane_cuts(store: &StateStore, partition: i32) -> Arc<LaneCuts> {
    let id = LaneId {
        group: "g".to_owned(),
        topics: vec!["t".to_owned()],
        partition,
    };
    let lane = store.lane(&id);
    Arc::new(LaneCuts::new(id, lane, None, Arc::<CutGauges>::default()))
}

fn whole() -> Job {
    let mark = SourceMark {
        topic: "t".to_owned(),
        offset: 5,
        topic_id: None,
        partitions: None,
    };
    let head = cut_head(mark, "meaning");
    let part = Part {
        name: "alerts".to_owned(),
        bytes: vec![1],
    };
    Job::Whole(Box::new(Whole {
        head,
        parts: vec![part],
        begun: clock::now(),
        waiting: None,
    }))
}

fn uploads(counts: &Arc<StateCounts>) -> Uploads {
    Uploads::start(Arc::clone(counts), Arc::<Monitor>::default()).unwrap()
}

/// Hands cuts over until the queue is full. So many were taken.
fn fill(uploads: &Uploads, store: &StateStore) -> usize {
    let taken = (0..).take_while(|partition| {
        uploads
            .hand_over(&lane_cuts(store, *partition), whole())
            .is_ok()
    });
    taken.count()
}

#[test]
fn a_store_that_does_not_answer_does_not_hold_up_the_end() {
    let store = slow(NEVER);
    let uploads = uploads(&Arc::default());
    assert!(fill(&uploads, &store) >= JOBS_MAX);
    let began = clock::now();
    drop(uploads);
    let took = clock::now().duration_since(began);
    assert!(took < END_WAIT + SLACK, "{took:?}");
}

#[test]
fn at_the_end_a_slow_store_is_given_no_more_jobs() {
    let store = slow(Duration::from_millis(200));
    let counts = Arc::<StateCounts>::default();
    let uploads = uploads(&counts);
    let taken = fill(&uploads, &store);
    drop(uploads);
    // One that was begun may be written to its end.
    assert!(counts.stored() < taken as u64);
}
