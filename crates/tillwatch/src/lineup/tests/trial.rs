//! What a change would have said of the last rows.

use serde_json::Value;

use crate::lineup::reload::Look;
use crate::test_support::lineup::{Place, Running, score};

#[test]
fn a_change_is_tried_on_the_last_rows_of_every_lane_first() {
    let place = Place::new();
    place.configure("backtest_rows = 20\n");
    let mut running = place.start();
    place.write("lineup.toml", "champion = \"two\"\n");
    assert_eq!(running.look(), Look::Taken);
    assert!(
        place.audit()[1].get("trial").is_none(),
        "nothing was scored yet"
    );
    let (mut one, mut gone) = (running.assembly.lane(0), running.assembly.lane(0));
    score(&mut gone, 0, 10);
    drop(gone);
    for batch in 0..10 {
        score(&mut one, 5 * batch, 5);
    }
    let mut other = running.assembly.lane(0);
    score(&mut other, 0, 4);
    place.rules("two", "3", "records_1h >= 4");
    assert_eq!(running.look(), Look::Taken);
    let lines = place.audit();
    let trial = &lines.last().unwrap()["trial"];
    // The first lane is long past four records an hour; the second reaches three on two rows, four on one.
    // Ten of the twenty are for each lane, and the second has had four.
    assert_eq!(trial["rows"], 14);
    assert_eq!(trial["rules"]["rules/MANY"], serde_json::json!([12, 11]));
    assert_eq!(trial["reviewed"], serde_json::json!([12, 11]));
    assert_eq!(trial["approved"], serde_json::json!([2, 3]));
}

#[test]
fn challenger_and_shadows_are_tried_where_they_changed() {
    let place = Place::new();
    // On what the champion alone has decoded.
    place.rules("two", "2", "records_1h >= 3");
    let mut running = place.start();
    let mut lane = running.assembly.lane(0);
    score(&mut lane, 0, 10);
    let tried = |lineup: &str, running: &mut Running| {
        place.write("lineup.toml", lineup);
        assert_eq!(running.look(), Look::Taken);
        place.audit().last().unwrap()["trial"].clone()
    };
    let found = tried("champion = \"one\"\nshadows = [\"two\"]\n", &mut running);
    assert_eq!(found["rules"]["rules/MANY"], serde_json::json!([10, 10]));
    assert_eq!(found["others"].as_array().unwrap().len(), 1);
    let shadow = &found["others"][0];
    assert_eq!(
        (&shadow["role"], &shadow["model"]),
        (&"shadow".into(), &"rules@2".into())
    );
    assert_eq!(shadow["rules"]["rules/MANY"], serde_json::json!([0, 8]));
    assert_eq!(shadow["approved"], serde_json::json!([0, 2]));
    // The shadow as edited, beside a challenger; then that alone, and the shadow is as it was.
    place.rules("two", "3", "records_1h >= 4");
    place.rules("three", "4", "records_1h >= 6");
    let lineup =
        "champion = \"one\"\nshadows = [\"two\"]\n[challenger]\nmodel = \"three\"\nshare = 0.25\n";
    let found = tried(lineup, &mut running);
    let others = found["others"].as_array().unwrap();
    let fired = |other: &Value| (other["role"].clone(), other["rules"]["rules/MANY"].clone());
    assert_eq!(
        others.iter().map(fired).collect::<Vec<_>>(),
        [
            ("challenger".into(), serde_json::json!([0, 5])),
            ("shadow".into(), serde_json::json!([8, 7])),
        ]
    );
    place.rules("three", "5", "records_1h >= 7");
    let found = tried(lineup, &mut running);
    assert_eq!(found["others"].as_array().unwrap().len(), 1);
    assert_eq!(fired(&found["others"][0]).1, serde_json::json!([5, 4]));
}
