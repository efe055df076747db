//! Models that learn from the rows of their lane.

use std::sync::Arc;

use tillwatch_records::{Flags, ScoreBatch};

use super::place::{assembly, lineup, model, parts, score};
use crate::ModelOrigin;

/// A model that learns, drawn from `seed`.
pub fn learner(version: &str, seed: u32) -> ModelOrigin {
    let description = format!(
        "name = \"learner\"\nversion = \"{version}\"\nkind = \"half_space_trees\"\n\
         artefact = \"trees.toml\"\ninputs = [\"records_1h\"]\n[calibration]\n\
         method = \"platt\"\nslope = 1.0\nintercept = -3.0\n"
    );
    let trees = format!(
        "seed = {seed}\ntrees = 5\nheight = 4\nwindow = 4\n\
         inputs = [{{ name = \"records_1h\", low = 0.0, high = 100.0 }}]\n"
    );
    model(&description, &[("trees.toml", &trees)])
}

fn warming(scores: &ScoreBatch) -> usize {
    let flags = scores.flags.iter();
    flags
        .filter(|flags| flags.contains(Flags::MODEL_WARMING))
        .count()
}

#[test]
fn learners_are_made_before_a_swap_and_dropped_with_what_was_before() {
    let assembly = assembly(parts(learner("1", 1)));
    let (mut lane, mut other) = (assembly.lane(0), assembly.lane(0));
    assert!(warming(&score(&mut lane, 0..10)) > 0);
    assert_eq!(warming(&score(&mut lane, 11..12)), 0);
    let known = lane.learned();
    assert_eq!(known.len(), 1);
    score(&mut other, 0..10);
    score(&mut other, 11..12);
    assert_eq!(other.learned(), known);

    let next = Arc::new(assembly.fit_models(&lineup(learner("1", 2))).unwrap());
    let before = assembly.models().exchange(Arc::clone(&next));
    // Two lanes will need a learner each; what they know waits where the line-up before is.
    assert_eq!((next.waiting(), before.waiting()), ((2, 0), (0, 0)));
    assert_eq!(warming(&score(&mut lane, 12..13)), 1);
    assert_eq!((next.waiting(), before.waiting()), ((1, 0), (0, 1)));
    assert_ne!(lane.learned(), known);
    drop(other);
    assert_eq!(assembly.models().lanes(), 1);
}
