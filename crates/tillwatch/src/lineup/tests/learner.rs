//! What learners know.

use tillwatch_records::{Flags, ScoreBatch};

use crate::lineup::reload::Look;
use crate::test_support::lineup::{Place, score};

const LEARNER: &str = r#"
name = "learner"
version = "1"
kind = "half_space_trees"
artefact = "trees.toml"
inputs = ["records_1h"]
[calibration]
method = "platt"
slope = 1.0
intercept = -3.0
"#;

const TREES: &str = r#"
seed = 1
trees = 5
height = 4
window = 4
inputs = [{ name = "records_1h", low = 0.0, high = 100.0 }]
"#;

#[test]
fn what_a_learner_knows_survives_a_change_of_what_is_beside_it() {
    let place = Place::new();
    place.write("learner/model.toml", LEARNER);
    place.write("learner/trees.toml", TREES);
    place.ensemble("first", &["one", "learner"]);
    place.ensemble("second", &["two", "learner"]);
    place.write("lineup.toml", "champion = \"first\"\n");
    let mut running = place.start();
    let mut lane = running.assembly.lane(0);
    let warming = |scores: &ScoreBatch| {
        let flags = scores.flags.iter();
        flags
            .filter(|flags| flags.contains(Flags::MODEL_WARMING))
            .count()
    };
    assert!(warming(&score(&mut lane, 0, 10)) > 0);
    let known = lane.learned();
    assert_eq!(known.len(), 1);
    place.write("lineup.toml", "champion = \"second\"\n");
    assert_eq!(running.look(), Look::Taken);
    let scores = score(&mut lane, 10, 1);
    assert_eq!(
        (scores.versions.model.as_str(), warming(&scores)),
        ("second@1", 0)
    );
    // The row after the change was learnt on top.
    let mut unchanged = running.assembly.lane(0);
    score(&mut unchanged, 0, 11);
    assert_eq!(lane.learned(), unchanged.learned());
    assert_ne!(lane.learned(), known);
    // Another learner begins anew.
    place.write("learner/trees.toml", &TREES.replace("seed = 1", "seed = 2"));
    assert_eq!(running.look(), Look::Taken);
    assert_eq!(warming(&score(&mut lane, 11, 1)), 1);
}
