//! Lanes that take over the state of other catalogs.

use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use tillwatch_records::{Flags, ScoreBatch};

use super::place::{CARD, TERMINAL, assembly, chained, rule, score, stage};
use super::stored::Stored;
use crate::{Assembly, holds_learners, is_other_catalog};

/// Stages of these catalogs.
fn of(terminal: &str, card: &str) -> Assembly {
    let mut parts = chained(rule("1", "records_1h >= 3"));
    parts.stages = vec![
        stage("terminal", "terminal_id", terminal),
        stage("card", "card_token", card),
    ];
    assembly(parts)
}

/// One more feature at the end of a catalog.
fn with(catalog: &str, name: &str, window: &str) -> String {
    format!(
        "{catalog}\n[[feature]]\nname = '{name}'\naggregate = 'sum'\ncolumn = 'amount_minor'\n\
         window = '{window}'\n"
    )
}

fn values(scores: &ScoreBatch, feature: &str) -> Vec<f64> {
    let column = scores.features.column_by_name(feature).unwrap();
    column.as_primitive::<Float64Type>().values().to_vec()
}

/// What a lane of `from` says is kept under `to`, and its scores after 40 records, with those of a lane that
/// had that from the first record.
fn edit(from: &Assembly, to: &Assembly) -> (Vec<String>, ScoreBatch, ScoreBatch) {
    let mut old = from.lane(0);
    score(&mut old, 0..40);
    let stored = Stored::whole(&mut old);
    assert!(!holds_learners(&stored.parts));
    let mut new = to.lane(1);
    assert!(is_other_catalog(&old.meaning(), &new.meaning()));
    assert_ne!(old.meaning(), new.meaning());
    let told = new.edited(&stored.parts).unwrap();
    let restored = stored.restore(&mut new).unwrap();
    assert_eq!(restored.edited, told);
    new.track();
    // What was restored is all in the next cut.
    let again = Stored::whole(&mut new);
    assert!(again.images.keys().eq(stored.images.keys()));
    let mut calm = to.lane(0);
    score(&mut calm, 0..40);
    let told = told.iter().map(ToString::to_string).collect();
    (told, score(&mut new, 40..60), score(&mut calm, 40..60))
}

#[test]
fn a_stage_whose_catalog_is_edited_keeps_what_did_not_change() {
    let wider = with(TERMINAL, "sum_1h", "1h");
    let (told, got, expected) = edit(&of(TERMINAL, CARD), &of(&wider, CARD));
    assert_eq!(
        told,
        ["stage terminal keeps records_1h, and rebuilds sum_1h (whole after 1h)"]
    );
    for feature in ["records_1h", "card_1h", "busiest"] {
        assert_eq!(
            values(&got, feature),
            values(&expected, feature),
            "{feature}"
        );
    }
    let flags = got.flags.iter();
    assert!(flags.clone().all(|flags| flags.contains(Flags::WARMING)));
    // And back: nothing is lost.
    let (told, got, expected) = edit(&of(&wider, CARD), &of(TERMINAL, CARD));
    assert_eq!(told, ["stage terminal keeps records_1h"]);
    assert_eq!(got.flags, expected.flags);
    assert_eq!(got.scores, expected.scores);
}

#[test]
fn what_reads_a_feature_that_means_something_else_is_rebuilt() {
    let other = TERMINAL.replace("window = '1h'", "window = '30m'");
    let (told, got, _) = edit(&of(TERMINAL, CARD), &of(&other, CARD));
    assert_eq!(
        told,
        [
            "stage terminal keeps records_1h",
            "stage card keeps card_1h, and rebuilds busiest (whole after 1h)"
        ]
    );
    let flags = got.flags.iter();
    assert!(flags.clone().all(|flags| flags.contains(Flags::WARMING)));
}

#[test]
fn another_key_or_another_number_of_stages_is_another_ground() {
    let ours = of(TERMINAL, CARD).lane(0).meaning();
    let mut other = chained(rule("1", "records_1h >= 3"));
    other.stages[1] = stage("card", "terminal_id", CARD);
    let mut one = chained(rule("1", "records_1h >= 3"));
    one.stages.truncate(1);
    for parts in [other, one] {
        assert!(!is_other_catalog(&ours, &assembly(parts).lane(0).meaning()));
    }
    // Of a release that wrote no ground.
    assert!(!is_other_catalog(&ours, &ours), "it is the same");
    assert!(!is_other_catalog("00ff", "00fe"), "no meaning is so short");
}
