//! Runs of whole sites by seed.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tillwatch_dst::{Failure, Mutant, Simulator, Summary, steps_of};
use tillwatch_testkit::seeds;

/// Runs `seeds` on two threads, up to the first failure. `None`: none has failed.
fn first_failure(
    simulator: &Simulator,
    seeds: Range<u64>,
    steps: Option<&[usize]>,
    mutant: Option<Mutant>,
) -> (Option<Box<Failure>>, Summary) {
    let next = AtomicU64::new(seeds.start);
    let found = Mutex::new(None);
    let total = Mutex::new(Summary::default());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while found.lock().is_none() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    match simulator.run(seed, steps, mutant) {
                        Ok(summary) => {
                            let mut total = total.lock();
                            for (what, times) in summary.counts {
                                *total.counts.entry(what).or_default() += times;
                            }
                        }
                        Err(failure) => *found.lock() = Some(failure),
                    }
                }
            });
        }
    });
    (found.into_inner(), total.into_inner())
}

#[test]
fn whatever_happens_nothing_is_lost_or_forgotten() {
    let simulator = Simulator::new().unwrap();
    // Those that a failed run names.
    let steps = std::env::var("TILLWATCH_STEPS").ok();
    let steps = steps.map(|text| steps_of(&text).unwrap());
    let (failure, total) = first_failure(&simulator, seeds(0..500), steps.as_deref(), None);
    if let Some(failure) = failure {
        panic!("{}", simulator.shrink(*failure, None));
    }
    println!("{total:#?}");
    let is_default = std::env::vars().all(|(name, _)| !name.starts_with("TILLWATCH_"));
    for what in HAPPENS.iter().filter(|_| is_default) {
        assert!(total.counts.contains_key(what), "in no run: {what}");
    }
}

/// What 500 runs come through: a simulation in which one of these never happens says nothing of it.
const HAPPENS: [&str; 16] = [
    "cuts begun",
    "instances died",
    "keys evicted",
    "lanes begun without state",
    "lanes kept on",
    "lanes moved",
    "lanes replayed",
    "lanes restored",
    "lanes restored and replayed",
    "losses told",
    "moved keys told",
    "sessions lost",
    "snapshots compared",
    "snapshots refused",
    "told again",
    "transactions fenced",
];

#[test]
fn a_run_is_a_function_of_its_seed() {
    let simulator = Simulator::new().unwrap();
    for seed in 0..4 {
        let runs = [(); 2].map(|()| simulator.run(seed, None, None).unwrap());
        assert_eq!(runs[0], runs[1], "seed {seed}");
    }
}

/// Seeds within which a bug on purpose must be found, if no others are given.
const MUTANT_SEEDS: Range<u64> = 0..200;

macro_rules! finds {
    ($($name:ident $mutant:ident in $seeds:expr;)*) => {
        $(
            #[test]
            fn $name() {
                let simulator = Simulator::new().unwrap();
                let mutant = Some(Mutant::$mutant);
                let (failure, _) = first_failure(&simulator, $seeds, None, mutant);
                let failure = failure.expect("no seed has found it");
                println!("{}", failure.violation);
            }
        )*

        #[test]
        fn every_bug_has_its_test() {
            assert_eq!(Mutant::ALL, [$(Mutant::$mutant),*]);
        }
    };
}

finds! {
    finds_skipped_tombstones SkipTombstones in MUTANT_SEEDS;
    finds_a_snapshot_used_too_early UseAhead in MUTANT_SEEDS;
    finds_a_batch_that_settles_early SettleEarly in MUTANT_SEEDS;
    finds_a_skipped_replay SkipReplay in MUTANT_SEEDS;
    finds_a_forgotten_base ForgetBase in MUTANT_SEEDS;
    finds_swapped_sources SwapSources in MUTANT_SEEDS;
    finds_a_position_taken_late LateHead in MUTANT_SEEDS;
    finds_a_cut_begun_late LateCut in MUTANT_SEEDS;
    finds_dropped_entries DropEntries in MUTANT_SEEDS;
    finds_a_replay_that_is_delivered DeliverReplay in MUTANT_SEEDS;
    finds_a_kept_lane_with_outputs_lost KeepUnsettled in MUTANT_SEEDS;
    finds_a_kept_lane_that_is_behind KeepBehind in MUTANT_SEEDS;
    // It takes two topics, one of which is read by others alone: the seed that found it first.
    finds_a_kept_lane_that_passes_over_a_topic KeepUnread in 1940..1941;
    finds_unheard_losses IgnoreLost in MUTANT_SEEDS;
    finds_a_missing_fence NoFence in MUTANT_SEEDS;
    finds_aborted_outputs_that_settle SettleAborted in MUTANT_SEEDS;
}
