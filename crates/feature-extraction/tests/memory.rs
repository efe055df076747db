//! The state budget, held against what is really allocated: in a binary of its own, since it counts every
//! allocation of the process.
#![expect(
    clippy::expect_used,
    reason = "a test fails by panicking, in its helpers as well"
)]

use std::sync::Arc;

use peak_alloc::PeakAlloc;
use tillwatch_feature_extraction::{Catalog, EngineSettings, FeatureLane, LaneStats, Plan};
use tillwatch_records::units::ByteSize;
use tillwatch_records::{FeatureBatch, Flags, KeySpec};
use tillwatch_testkit::steady::Steady;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const BUDGET_BYTES: u64 = 256 << 20;

/// What may be allocated besides what is accounted for, in percent of the budget.
const BESIDES_PERCENT: u64 = 5;

const BATCH_RECORDS: u64 = 2_000;

/// Keys that are seen again and again, and so are kept.
const REGULARS: u64 = 1_000;

/// Batches of new keys after which the regulars come again.
const REGULAR_EVERY: u64 = 20;

/// Milliseconds from record to record: 36,000 event ids within the horizon.
const STEP_MS: f64 = 100.0;

struct Flood {
    source: Steady,
    lane: FeatureLane,
    /// Bytes allocated before there was a lane.
    before: usize,
    /// Most bytes of state seen, as allocated and as accounted for.
    allocated_max: u64,
    accounted_max: u64,
}

impl Flood {
    fn new() -> Self {
        let catalog = Catalog::parse(include_str!("../../../models/features/job-w.toml"));
        let mut settings = EngineSettings::default();
        settings.state.max_bytes = ByteSize(BUDGET_BYTES);
        let plan = Plan::compile(&catalog.expect("the catalog is read"), &settings);
        let plan = Arc::new(plan.expect("the plan is compiled"));
        let source = Steady::new(1, STEP_MS);
        let key = KeySpec::from_names(&["terminal_id"]).expect("it is a column");
        let before = ALLOCATED.current_usage();
        Self {
            source,
            lane: FeatureLane::new(plan, key, 0),
            before,
            allocated_max: 0,
            accounted_max: 0,
        }
    }

    /// One record of each of `keys`; gives their flags.
    fn send(&mut self, keys: &[u64]) -> Vec<Flags> {
        let FeatureBatch { flags, .. } = self
            .lane
            .process(self.source.batch(keys))
            .expect("its columns fit");
        let flags_bytes = flags.capacity() * size_of::<Flags>();
        let now = ALLOCATED.current_usage() - flags_bytes;
        self.allocated_max = self
            .allocated_max
            .max(now.saturating_sub(self.before) as u64);
        self.accounted_max = self.accounted_max.max(self.stats().state_bytes);
        flags
    }

    fn stats(&self) -> LaneStats {
        self.lane.stats()
    }
}

/// Sends `new_keys` keys that were never seen before, and regulars between them.
fn flood(new_keys: u64) {
    let regulars: Vec<u64> = (0..REGULARS).collect();
    let mut flood = Flood::new();
    assert!(flood.send(&regulars).iter().all(Flags::is_empty));
    for batch in 0..new_keys / BATCH_RECORDS {
        let first = REGULARS + batch * BATCH_RECORDS;
        let keys: Vec<u64> = (first..first + BATCH_RECORDS).collect();
        flood.send(&keys);
        if batch % REGULAR_EVERY == 0 {
            let flags = flood.send(&regulars);
            assert!(
                flags.iter().all(Flags::is_empty),
                "a kept key is flagged in batch {batch}"
            );
        }
    }
    let stats = flood.stats();
    eprintln!(
        "{new_keys} new keys: {stats:?}, allocated at most {}, accounted at most {}, budget {BUDGET_BYTES}",
        flood.allocated_max, flood.accounted_max
    );
    let inserted = REGULARS + new_keys / BATCH_RECORDS * BATCH_RECORDS;
    assert_eq!(stats.evicted_keys, inserted - stats.keys);
    assert!(stats.evicted_keys > inserted / 10, "the budget was reached");
    assert!(stats.keys > REGULARS * 10, "most of the budget is used");
    let bound = BUDGET_BYTES + BUDGET_BYTES * BESIDES_PERCENT / 100;
    assert!(flood.allocated_max <= bound, "{}", flood.allocated_max);
    assert!(flood.accounted_max <= bound, "{}", flood.accounted_max);

    let evicted: Vec<u64> = (REGULARS..REGULARS + BATCH_RECORDS).collect();
    let flags = flood.send(&evicted);
    let is_evicted = |flags: &Flags| flags.contains(Flags::STATE_EVICTED);
    assert!(flags.iter().all(is_evicted), "an evicted key comes back");
    let flags = flood.send(&regulars);
    assert!(!flags.iter().any(is_evicted), "a kept key comes back");
}

#[test]
fn a_flood_of_new_keys_stays_within_the_budget() {
    flood(1_000_000);
}

#[test]
#[ignore = "takes long in a build that is not optimised"]
fn a_flood_of_five_million_keys_stays_within_the_budget() {
    flood(5_000_000);
}
