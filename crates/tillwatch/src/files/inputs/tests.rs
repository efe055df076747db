use super::*;

/// A directory with these empty files.
fn place(files: &[&str]) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    for file in files {
        let path = place.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    place
}

/// The files that `arguments` name, each taken from `place`, without the way to it.
fn found(place: &Path, arguments: &[&str]) -> Result<Vec<String>, String> {
    let arguments: Vec<PathBuf> = arguments.iter().map(|name| place.join(name)).collect();
    let inputs = Inputs::find(&arguments).map_err(|error| error.to_string())?;
    let names = inputs.parts().iter().map(Part::path);
    let names = names.map(|path| {
        path.strip_prefix(place)
            .unwrap()
            .to_string_lossy()
            .into_owned()
    });
    Ok(names.collect())
}

#[test]
fn a_folder_is_its_part_files_in_name_order() {
    let place = place(&[
        "day.parquet/part-00001.parquet",
        "day.parquet/part-00000.parquet",
        "day.parquet/_SUCCESS",
        "day.parquet/.part-00000.crc",
        "day.parquet/part-00000.crc",
        "day.parquet/out.parquet.partial",
        "day.parquet/_temporary/0/part-00009.parquet",
        "day.parquet/hour=10/part-00000.parquet",
        "day.parquet/hour=09/part-00000.parquet",
    ]);
    let expected = [
        "day.parquet/hour=09/part-00000.parquet",
        "day.parquet/hour=10/part-00000.parquet",
        "day.parquet/part-00000.parquet",
        "day.parquet/part-00001.parquet",
    ];
    assert_eq!(found(place.path(), &["day.parquet"]).unwrap(), expected);
    let inputs = Inputs::find(&[place.path().join("day.parquet")]).unwrap();
    assert_eq!(inputs.name(), "day");
}

#[test]
fn patterns_and_several_files_keep_their_order() {
    let place = place(&["b-2.csv", "b-1.csv", "a.csv", "[odd].csv", "folder/x.csv"]);
    assert_eq!(
        found(place.path(), &["b-*.csv", "a.csv"]).unwrap(),
        ["b-1.csv", "b-2.csv", "a.csv"]
    );
    assert_eq!(found(place.path(), &["fol*"]).unwrap(), ["folder/x.csv"]);
    // A file that is called so is meant.
    assert_eq!(found(place.path(), &["[odd].csv"]).unwrap(), ["[odd].csv"]);
}

#[test]
fn what_names_nothing_or_the_same_is_refused() {
    let place = place(&[
        "a.csv",
        "empty/_SUCCESS",
        "delta/_delta_log/0.json",
        "delta/a.parquet",
    ]);
    std::os::unix::fs::symlink(place.path().join("a.csv"), place.path().join("link.csv")).unwrap();
    for (arguments, words) in [
        (vec!["none.csv"], "cannot read"),
        (vec!["none-*.csv"], "no file fits it"),
        (vec!["empty"], "a folder without a file"),
        (vec!["delta"], "a Delta table"),
        (vec!["a.csv", "a.csv"], "named twice"),
        (vec!["a.csv", "link.csv"], "named twice"),
    ] {
        let error = found(place.path(), &arguments).unwrap_err();
        assert!(error.contains(words), "{arguments:?}: {error}");
    }
}

#[test]
fn an_output_is_not_its_own_input() {
    let place = place(&["a.csv", "folder/part-0.csv", "other/b.csv"]);
    let path = |name: &str| place.path().join(name);
    std::fs::hard_link(path("a.csv"), path("same.csv")).unwrap();
    let inputs = Inputs::find(&[path("a.csv"), path("folder")]).unwrap();
    for name in [
        "a.csv",
        "same.csv",
        "other/../a.csv",
        "folder/out.parquet",
        "folder/part-0.csv",
    ] {
        let error = inputs.refuse_output(&path(name)).unwrap_err();
        assert!(
            matches!(error, FileError::OverInput { .. }),
            "{name}: {error}"
        );
    }
    for name in [
        "out.parquet",
        "other/out.parquet",
        "other/b.csv",
        "nowhere/out.parquet",
    ] {
        inputs.refuse_output(&path(name)).unwrap();
    }
}
