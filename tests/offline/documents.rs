//! What the documents under `docs/` say is what the code does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use tillwatch_feature_extraction::{Aggregate, Catalog, EngineSettings, FeatureInfo, Plan};

use tillwatch_scoring::{
    FeatureWords, InputScope, LoadedModel, ModelFiles, ModelKinds, ScoringError,
};

use crate::{read, root, shipped};

/// Text of the ```` ```toml ```` blocks of `page`.
fn toml_blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while lines.by_ref().any(|line| line == "```toml") {
        let block = lines.by_ref().take_while(|line| *line != "```");
        blocks.push(block.collect::<Vec<_>>().join("\n"));
    }
    blocks
}

#[test]
fn the_catalog_page_shows_every_aggregate_and_each_of_its_examples_is_read() {
    let page = read(&root().join("docs/catalog.md"));
    let mut shown = BTreeSet::new();
    for block in toml_blocks(&page) {
        let text = if block.starts_with("[[feature]]") {
            format!("name = \"example\"\n{block}")
        } else {
            block
        };
        let catalog = Catalog::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        Plan::compile(&catalog, &EngineSettings::default())
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
        shown.extend(catalog.features().iter().map(|f| f.aggregate.as_str()));
    }
    let known: BTreeSet<&str> = Aggregate::all().map(Aggregate::as_str).collect();
    assert_eq!(shown, known);
    let headings: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .flat_map(|heading| heading.split(", "))
        .collect();
    assert_eq!(headings, known);
}

/// The files of the models on a page, by directory and name: a block's first line is `# directory/name`.
fn shown_models(page: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut models: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for block in toml_blocks(page) {
        let path = block
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("# "));
        let (directory, name) = path
            .and_then(|path| path.split_once('/'))
            .unwrap_or_else(|| panic!("the first line names no file:\n{block}"));
        let model = models.entry(directory.to_owned()).or_default();
        model.insert(name.to_owned(), block);
    }
    models
}

/// Loads a model of the page, with `text` as its file `name`.
fn load_shown(
    models: &BTreeMap<String, BTreeMap<String, String>>,
    directory: &str,
    changed: Option<(&str, String)>,
) -> Result<std::sync::Arc<LoadedModel>, ScoringError> {
    fn files(
        models: &BTreeMap<String, BTreeMap<String, String>>,
        directory: &str,
        changed: Option<(&str, String)>,
    ) -> ModelFiles {
        let mut texts = models[directory].clone();
        texts.extend(changed.map(|(name, text)| (name.to_owned(), text)));
        let description = texts["model.toml"].clone();
        let paths = ModelFiles::member_paths(&description).unwrap_or_default();
        let member = |path: String| {
            let files = files(models, path.trim_start_matches("../"), None);
            (path, files)
        };
        ModelFiles {
            description,
            members: paths.into_iter().map(member).collect(),
            files: texts
                .into_iter()
                .map(|(name, text)| (name, text.into_bytes()))
                .collect(),
        }
    }
    let (catalog, plan) = shipped::plan("card-present.toml");
    let kinds = ModelKinds::standard().with_flags(&["pilot".to_owned()]);
    let files = files(models, directory, changed);
    let words = |info: &FeatureInfo| {
        let words = FeatureWords {
            description: info.description.clone(),
            window: String::new(),
        };
        (info.name.clone(), words)
    };
    let scope = InputScope {
        words: plan.features().iter().map(words).collect(),
        ..shipped::scope(&catalog, &plan)
    };
    kinds.load(&files, &scope)
}

/// Names in backticks, the first of which is the stranger.
fn known_keys(message: &str) -> Vec<String> {
    let names = message.split("; did you mean").next().unwrap_or_default();
    names
        .split('`')
        .skip(3)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_models_page_explains_every_key_and_each_of_its_examples_is_loaded() {
    let page = read(&root().join("docs/models.md"));
    let models = shown_models(&page);
    assert_eq!(models.len(), 3);
    let mut asked = 0;
    for (directory, files) in &models {
        load_shown(&models, directory, None).unwrap_or_else(|error| panic!("{directory}: {error}"));
        for (name, text) in files {
            let lines: Vec<&str> = text.lines().collect();
            let tables = lines
                .iter()
                .enumerate()
                .filter(|(at, line)| *at == 0 || line.starts_with('['));
            for (at, table) in tables {
                // A key that no table has is refused with all that it has.
                let mut with_stranger = lines.clone();
                with_stranger.insert(at + 1, "stranger_to_all = 1");
                let changed = Some((name.as_str(), with_stranger.join("\n")));
                let error = load_shown(&models, directory, changed)
                    .expect_err(table)
                    .to_string();
                assert!(error.contains("`stranger_to_all`"), "{table}: {error}");
                let keys = known_keys(&error);
                assert!(!keys.is_empty(), "{table}: {error}");
                for key in keys {
                    assert!(page.contains(&format!("`{key}`")), "{table}: `{key}`");
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 60, "only {asked} keys were looked for");
}

/// Set to anything, it rewrites what is generated instead of comparing it.
const UPDATE: &str = "UPDATE_DOCS";

const FEATURES_HEAD: &str = "\
# Features of the shipped catalogs

Generated from the catalogs under `models/features/` (`UPDATE_DOCS=1 cargo test --test offline documents`). [catalog.md](catalog.md) defines
each aggregate; *cost* is what reading the feature takes for a record.
";

fn catalogs() -> Vec<PathBuf> {
    let directory = root().join("models/features");
    let entries = std::fs::read_dir(directory).expect("the catalogs are there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    paths.sort();
    paths
}

/// Text as it stands in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// `text` as code, empty for none.
fn code(text: &str) -> String {
    match text {
        "" => String::new(),
        text => format!("`{}`", cell(text)),
    }
}

fn features_page() -> String {
    let mut page = FEATURES_HEAD.to_owned();
    for path in catalogs() {
        let text = read(&path);
        let catalog =
            Catalog::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let plan = Plan::compile(&catalog, &EngineSettings::default())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let explained = plan.explain();
        let file = path.file_name().and_then(|name| name.to_str());
        let file = file.expect("its name is text");
        let count = explained.features.len();
        let (name, description) = (catalog.name(), catalog.description());
        let head = "| feature | description | window | unit | formula | cost |";
        writeln!(
            page,
            "\n## {name}\n\n{description}. {count} features, \
             [`models/features/{file}`](../models/features/{file}).\n\n{head}\n|---|---|---|---|---|---|"
        )
        .expect("text can be written");
        for (info, explained) in plan.features().iter().zip(&explained.features) {
            let cells = [
                code(&info.name),
                cell(&info.description),
                cell(&explained.window),
                cell(&info.unit),
                code(&explained.formula),
                cell(&explained.cost),
            ];
            writeln!(page, "| {} |", cells.join(" | ")).expect("text can be written");
        }
    }
    page
}

#[test]
fn the_features_page_is_that_of_the_catalogs() {
    let (path, wanted) = (root().join("docs/features.md"), features_page());
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, wanted).expect("the page can be written");
        return;
    }
    let page = read(&path);
    let differs = page.lines().zip(wanted.lines()).find(|(is, to)| is != to);
    assert!(
        page == wanted,
        "docs/features.md is not that of the catalogs: run with {UPDATE}=1; first difference {differs:?}"
    );
}
