//! Reference data that is joined to records.

use super::place::{assembly, limits, lineup, parts, rule, score};
use crate::{Assembly, AssemblyError, Parts};

const OVER: &str = "amount_minor > registry_limit";

fn with_limit(condition: &str, limit: i64) -> Parts {
    let mut parts = parts(rule("1", condition));
    parts.reference = Some(limits(limit));
    parts
}

#[test]
fn another_table_is_joined_from_the_next_batch_on_and_named_by_its_scores() {
    let assembly = assembly(with_limit(OVER, 35));
    let mut lane = assembly.lane(0);
    let shared = assembly.reference().unwrap();
    let first = shared.current();
    // Of terminals 0, 1, 2 only 1 is in the table; its amounts are 10, 40, 70.
    let scores = score(&mut lane, 0..9);
    assert_eq!(scores.scores, [1, 1, 1, 1, 600, 1, 1, 600, 1]);
    assert_eq!(scores.versions.reference.as_deref(), Some(first.version()));
    assert!(
        shared.exchange(limits(35).table).unwrap().is_none(),
        "it is the same"
    );
    let second = shared.exchange(limits(1_000).table).unwrap().unwrap();
    let scores = score(&mut lane, 11..14);
    assert_eq!(scores.scores, [1, 1, 1]);
    assert_eq!(scores.versions.reference.as_deref(), Some(second.version()));
}

#[test]
fn what_reads_a_table_that_is_not_there_asks_for_one() {
    let message = |parts: Parts| Assembly::new(parts).map(|_| ()).unwrap_err();
    let of_model = message(parts(rule("1", OVER)));
    assert!(
        matches!(of_model, AssemblyError::NeedsReference(_)),
        "{of_model}"
    );
    assert!(
        of_model
            .to_string()
            .ends_with("name its file in [reference] path")
    );
    let mut of_catalog = parts(rule("1", "records_1h > 1"));
    let catalog = &mut of_catalog.stages[0].catalog.text;
    catalog.push_str(&format!("\nfilter = '{OVER}'\n"));
    let of_catalog = message(of_catalog);
    assert!(
        matches!(of_catalog, AssemblyError::NeedsReference(_)),
        "{of_catalog}"
    );
    // A stranger that no table has is a slip.
    let stranger = message(parts(rule("1", "record_1h > 1")));
    assert!(
        matches!(stranger, AssemblyError::Model { .. }),
        "{stranger}"
    );
}

#[test]
fn a_column_that_lanes_do_not_join_asks_for_a_restart() {
    let assembly = assembly(with_limit("records_1h > 1", 35));
    let refused = assembly.fit_models(&lineup(rule("2", OVER)));
    let message = refused.map(|_| ()).unwrap_err().to_string();
    assert!(
        message.contains("`registry_limit`") && message.ends_with("restart to join it"),
        "{message}"
    );
}
