//! What the documents under `docs/` say is what the code does.

use std::collections::BTreeSet;

use tillwatch_feature_extraction::{Aggregate, Catalog, EngineSettings, Plan};

use crate::{read, root};

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
    let known: BTreeSet<&str> = Aggregate::ALL.map(Aggregate::as_str).into();
    assert_eq!(shown, known);
    let headings: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .flat_map(|heading| heading.split(", "))
        .collect();
    assert_eq!(headings, known);
}
