//! Changes that are refused.

use crate::lineup::reload::Look;
use crate::test_support::lineup::{Place, score};
use crate::watch::Occasion;

#[test]
fn what_cannot_be_used_is_refused_once_and_the_old_stays() {
    let place = Place::new();
    let mut running = place.start();
    let mut lane = running.assembly.lane(0);
    for (name, text, words) in [
        ("one/rules.toml", "prior = ", "rules.toml"),
        ("lineup.toml", "champion = \"none\"\n", "none/model.toml"),
        (
            "lineup.toml",
            "champion = \"one\"\nshare = 1\n",
            "unknown field `share`",
        ),
        (
            "lineup.toml",
            "champion = \"one\"\nshadows = [\"two\", \"two\"]\n",
            "two shadows",
        ),
    ] {
        let before = std::fs::read_to_string(place.path(name)).unwrap();
        place.write(name, text);
        assert_eq!(running.look(), Look::Refused, "{text}");
        assert_eq!(running.look(), Look::Same, "told once");
        let lines = place.audit();
        let last = lines.last().unwrap();
        assert_eq!(last["event"], "refused");
        let reason = last["reason"].as_str().unwrap();
        assert!(reason.contains(words), "{reason}");
        assert_eq!(score(&mut lane, 0, 1).versions.model, "rules@1");
        // Asked by a person, the same is tried again.
        assert_eq!(running.reloader.look(Occasion::Asked), Look::Refused);
        assert_eq!(place.audit().last().unwrap()["source"], "signal");
        place.write(name, &before);
        assert_eq!(running.look(), Look::Same, "the models are the same again");
    }
    assert_eq!(running.metrics.model_changes(), [0, 8]);
    // An edited rule is another model, whatever its version says.
    place.rules("one", "1", "records_1h >= 2");
    assert_eq!(running.reloader.look(Occasion::Asked), Look::Taken);
    assert_eq!(running.champion(), "rules@1");
}

#[test]
fn a_column_of_the_reference_table_that_is_not_joined_asks_for_a_restart() {
    let place = Place::new();
    place.write("terminals.csv", "merchant_id,terminal_id,model\nm,1,007\n");
    place.configure("[reference]\npath = \"terminals.csv\"\nreload = \"off\"\n");
    let mut running = place.start();
    place.rules("two", "2", "registry_model = '007'");
    place.write("lineup.toml", "champion = \"two\"\n");
    assert_eq!(running.look(), Look::Refused);
    let lines = place.audit();
    let reason = lines.last().unwrap()["reason"].as_str().unwrap();
    assert!(
        reason.contains("`registry_model`") && reason.ends_with("restart to join it"),
        "{reason}"
    );
    assert_eq!(
        score(&mut running.assembly.lane(0), 0, 1).versions.model,
        "rules@1"
    );
    // Started with it, both line-ups work.
    let mut restarted = place.start();
    let mut lane = restarted.assembly.lane(0);
    assert_eq!(score(&mut lane, 0, 1).scores, [600]);
    place.write("lineup.toml", "champion = \"one\"\n");
    assert_eq!(restarted.look(), Look::Taken);
    assert_eq!(score(&mut lane, 1, 1).versions.model, "rules@1");
}
