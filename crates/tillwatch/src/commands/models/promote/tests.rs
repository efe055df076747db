use std::path::{Path, PathBuf};

use crate::cli::shared::ConfigArgs;
use crate::cli::{LineupArgs, PromoteArgs};
use crate::commands::models::promote;
use crate::lineup::LineupFile;
use crate::lineup::reload::Look;
use crate::test_support;
use crate::test_support::lineup::Place;

fn lineup(place: &Place) -> LineupArgs {
    LineupArgs {
        config: ConfigArgs {
            config: place.path("tillwatch.toml"),
        },
        stage: None,
    }
}

#[test]
fn promotion_and_roll_back_rewrite_the_file() {
    let place = Place::new();
    let path = place.path("lineup.toml");
    place.write(
        "lineup.toml",
        "# Agreed with the fraud desk.\nchampion = \"one\"\nshadows = [\"two\"]\n\n# A ramp.\n\
         [challenger]\nmodel = \"one\"\nshare = 0.5\n",
    );
    let mut running = place.start();
    let args = lineup(&place);
    let promote = |name: &str| {
        promote::promote(&PromoteArgs {
            directory: place.path(name),
            lineup: args.clone(),
        })
    };
    promote("two").unwrap();
    let file = LineupFile::read(&path).unwrap();
    assert_eq!(file.champion, Path::new("two"));
    assert_eq!(file.previous, [Path::new("one")]);
    assert!(
        file.shadows.is_empty(),
        "the champion is no shadow of itself"
    );
    assert_eq!(file.challenger.as_ref().unwrap().share, 0.5);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with("# Agreed with") && text.contains("\n\n# A ramp.\n[challenger]"),
        "{text}"
    );
    assert_eq!(running.look(), Look::Taken);
    assert_eq!(running.champion(), "rules@2");

    let error = promote("two").unwrap_err();
    assert!(
        error.to_string().ends_with("is the champion already"),
        "{error}"
    );
    place.write("bad/model.toml", "name = \"bad\"\n");
    let before = std::fs::read(&path).unwrap();
    let error = promote("bad").unwrap_err();
    assert_eq!(error.to_string(), "the line-up is left as it was");
    assert_eq!(crate::exit::code(&error), crate::exit::MISCONFIGURED);
    assert_eq!(std::fs::read(&path).unwrap(), before);

    promote::rollback(&args).unwrap();
    assert_eq!(running.look(), Look::Taken);
    assert_eq!(running.champion(), "rules@1");
    let error = promote::rollback(&args).unwrap_err();
    assert!(error.to_string().contains("`previous` is empty"), "{error}");
    let left = std::fs::read_dir(place.root()).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(
        !left
            .iter()
            .any(|name| name.to_string_lossy().ends_with(".new")),
        "{left:?}"
    );

    place.write(
        "tillwatch.toml",
        &test_support::config("[models]\nchampion = \"one\"\n"),
    );
    let error = promote("two").unwrap_err();
    assert!(
        error.to_string().contains("lineup = \"lineup.toml\""),
        "{error}"
    );
}

#[test]
fn of_changes_at_the_same_time_none_is_lost() {
    let place = Place::new();
    let names: Vec<String> = (0..8).map(|n| format!("m{n}")).collect();
    for name in &names {
        place.rules(name, name, "records_1h >= 1");
    }
    std::thread::scope(|scope| {
        for name in &names {
            let args = PromoteArgs {
                directory: place.path(name),
                lineup: lineup(&place),
            };
            scope.spawn(move || promote::promote(&args).unwrap());
        }
    });
    let file = LineupFile::read(&place.path("lineup.toml")).unwrap();
    let mut all = file.previous;
    assert_eq!(all.remove(0), Path::new("one"));
    all.push(file.champion);
    all.sort();
    let expected: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
    assert_eq!(all, expected);
    for _ in &names {
        promote::rollback(&lineup(&place)).unwrap();
    }
    let file = LineupFile::read(&place.path("lineup.toml")).unwrap();
    assert_eq!(file.champion, Path::new("one"));
}

#[test]
fn history_is_bounded_and_far_directories_are_written_in_full() {
    let place = Place::new();
    let path = place.path("lineup.toml");
    let elsewhere = tempfile::tempdir().unwrap();
    let mut file = LineupFile::read(&path).unwrap();
    for n in 0..20 {
        let directory = place.path(&format!("m{n}"));
        std::fs::create_dir(&directory).unwrap();
        file = file.promoted(&directory, &path).unwrap();
    }
    assert_eq!(file.previous.len(), 16);
    assert_eq!(file.previous.last().unwrap(), Path::new("m18"));
    let file = file.promoted(elsewhere.path(), &path).unwrap();
    assert_eq!(file.champion, elsewhere.path().canonicalize().unwrap());
}
