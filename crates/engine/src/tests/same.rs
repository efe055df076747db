//! One way through, whatever comes in and however it is cut.

use tillwatch_scoring::Effort;

use super::place::{assembly, chained, parts, records, rule, show};
use crate::{Input, Observer, Parts, Step, Workspace};

/// Scores and refused offsets of a hundred records in batches of `rows`, decoded by the lane or before it.
fn run(parts: Parts, rows: i64, decoded: bool) -> (String, Vec<i64>) {
    let assembly = assembly(parts);
    let (mut lane, mut decoder) = (assembly.lane(0), assembly.decoder());
    let mut workspace = Workspace::default();
    let (mut scores, mut refused) = (String::new(), Vec::new());
    for start in (0..100).step_by(rows as usize) {
        let raw = records(start..(start + rows).min(100));
        let input = match decoded {
            true => Input::Decoded(decoder.decode(&raw)),
            false => Input::Raw(&raw),
        };
        let processed = lane.process(input, &mut workspace, &mut ()).unwrap();
        scores.push_str(&show(&processed.scores));
        let indexes = processed.refusals.iter().map(|refusal| refusal.index);
        refused.extend(indexes.map(|index| raw.get(index).offset));
    }
    (scores, refused)
}

#[test]
fn raw_and_decoded_records_give_the_same_scores_in_batches_of_any_size() {
    for of in [parts, chained] {
        let model = || rule("1", "records_1h >= 3");
        let (scores, refused) = run(of(model()), 100, false);
        assert_eq!(refused, (10..100).step_by(11).collect::<Vec<_>>());
        assert_eq!(scores.lines().count(), 100 - refused.len());
        assert!(scores.contains("MANY"), "{scores}");
        for rows in [1, 7, 100] {
            for decoded in [false, true] {
                let found = run(of(model()), rows, decoded);
                assert_eq!(found, (scores.clone(), refused.clone()), "{rows} {decoded}");
            }
        }
    }
}

#[test]
fn a_workspace_that_others_use_changes_nothing() {
    let model = || rule("1", "records_1h >= 3");
    let alone = [
        run(parts(model()), 7, false),
        run(chained(model()), 7, false),
    ];
    let assemblies = [assembly(parts(model())), assembly(chained(model()))];
    let mut lanes = assemblies.each_ref().map(|assembly| assembly.lane(0));
    let mut found = [String::new(), String::new()];
    let mut workspace = Workspace::default();
    for start in (0..100).step_by(7) {
        let raw = records(start..(start + 7).min(100));
        for (lane, found) in lanes.iter_mut().zip(&mut found) {
            let input = Input::Raw(&raw);
            let processed = lane.process(input, &mut workspace, &mut ()).unwrap();
            found.push_str(&show(&processed.scores));
        }
    }
    assert_eq!(found, alone.map(|(scores, _)| scores));
    assert!(workspace.bytes() > 1_000);
}

#[test]
fn an_observer_hears_the_steps_in_their_order_and_says_what_is_asked() {
    #[derive(Default)]
    struct Heard(Vec<String>);

    impl Observer for Heard {
        fn effort(&mut self, rows: usize) -> Effort {
            self.0.push(format!("effort of {rows}"));
            Effort::Least
        }

        fn over(&mut self, step: Step) {
            self.0.push(format!("{step:?}"));
        }
    }

    let parts = parts(rule("1", "records_1h >= 3"));
    let assembly = assembly(parts);
    let (mut lane, mut decoder) = (assembly.lane(0), assembly.decoder());
    let (mut heard, mut workspace) = (Heard::default(), Workspace::default());
    let raw = records(0..12);
    lane.process(Input::Raw(&raw), &mut workspace, &mut heard)
        .unwrap();
    let decoded = decoder.decode(&records(12..14));
    lane.process(Input::Decoded(decoded), &mut workspace, &mut heard)
        .unwrap();
    let expected = [
        "Decode",
        "Features",
        "effort of 11",
        "Scoring",
        "Features",
        "effort of 2",
        "Scoring",
    ];
    assert_eq!(heard.0, expected);
}
