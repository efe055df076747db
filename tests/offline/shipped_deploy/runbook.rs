//! The runbook has a section for each alert. Its links and those of the page on operations lead somewhere,
//! and their commands and lines of the log exist.

use std::collections::{BTreeMap, BTreeSet};

use tillwatch_decode::{RefusalReason, refusal_reasons};

use super::{RUNBOOK, alerts, files, text};
use crate::support::tillwatch;
use crate::{read, root};

/// What an operator reads when something is wrong.
const PAGES: [&str; 2] = [RUNBOOK, "docs/operations.md"];

fn pages() -> String {
    PAGES.map(|page| read(&root().join(page))).join("\n")
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter_map(|c| match c {
        ' ' | '-' => Some('-'),
        c if c.is_alphanumeric() || c == '_' => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

fn headings(page: &str) -> impl Iterator<Item = &str> {
    let lines = page.lines().filter(|line| line.starts_with('#'));
    lines.map(|line| line.trim_start_matches('#').trim())
}

#[test]
fn every_alert_has_its_section_and_leads_to_it() {
    let page = read(&root().join(RUNBOOK));
    let sections: BTreeSet<&str> = headings(&page).collect();
    let mut names = BTreeSet::new();
    for (name, alert) in alerts() {
        let link = text(&alert, "/annotations/runbook_url");
        assert_eq!(link, format!("{RUNBOOK}#{}", anchor(&name)));
        assert!(sections.contains(name.as_str()), "{name} has no section");
        names.insert(name);
    }
    for section in sections {
        let is_alert = section.starts_with("Tillwatch");
        assert!(
            !is_alert || names.contains(section),
            "{section} is no alert"
        );
    }
}

#[test]
fn every_section_of_an_alert_says_what_to_look_at_and_what_to_do() {
    let page = read(&root().join(RUNBOOK));
    for section in page
        .split("\n### ")
        .filter(|text| text.starts_with("Tillwatch"))
    {
        let (name, body) = section.split_once('\n').expect("it has a body");
        let body = body.split("\n## ").next().unwrap_or_default();
        for part in ["**Means.**", "**Look at.**", "**Do.**"] {
            assert!(body.contains(part), "{name} has no {part}");
        }
    }
}

#[test]
fn their_links_lead_somewhere() {
    for name in PAGES {
        let page = read(&root().join(name));
        let mut links = 0;
        for after in page.split("](").skip(1) {
            let link = after.split(')').next().unwrap_or_default();
            links += 1;
            let (path, section) = link.split_once('#').unwrap_or((link, ""));
            let path = match path {
                "" => root().join(name),
                path => root().join("docs").join(path),
            };
            assert!(path.exists(), "{name}: {link}");
            if !section.is_empty() {
                let there = headings(&read(&path)).any(|heading| anchor(heading) == section);
                assert!(there, "{name}: {link}");
            }
        }
        assert!(links > 2, "only {links} links were found in {name}");
    }
}

#[test]
fn their_commands_exist() {
    let page = pages();
    let mut helps: BTreeMap<Vec<&str>, String> = BTreeMap::new();
    let mut commands = 0;
    let lines = page.lines().map(str::trim_start);
    for line in lines.filter(|line| line.starts_with("tillwatch ")) {
        let line = line.split(['#', '|', '>']).next().unwrap_or_default();
        let words = line.split_whitespace().skip(1);
        let is_name = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase());
        let mut path: Vec<&str> = words.clone().take_while(is_name).collect();
        let has_own_commands = matches!(path.first(), Some(&"models" | &"dlq" | &"snapshot"));
        path.truncate(if has_own_commands { 2 } else { 1 });
        let help = helps.entry(path.clone()).or_insert_with(|| {
            let output = tillwatch().args(&path).arg("--help").output();
            let output = output.expect("the binary runs");
            assert!(output.status.success(), "`{line}` is no command");
            String::from_utf8_lossy(&output.stdout).into_owned()
        });
        for flag in words.filter(|word| word.starts_with("--")) {
            let flag = flag.split('=').next().unwrap_or(flag);
            assert!(help.contains(flag), "`{line}`: no {flag}");
        }
        commands += 1;
    }
    assert!(commands >= 8, "only {commands} commands were found");
}

/// The source of every crate, blanks put together, so that a line of the log is found that is wrapped there.
fn source() -> String {
    let sources = files("crates").into_iter();
    let sources = sources.filter(|path| path.ends_with(".rs"));
    let text: String = sources.map(|path| read(&root().join(path))).collect();
    let joined = text.replace("\\\n", " ");
    joined.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_lines_of_the_log_that_they_quote_are_written() {
    let page = pages();
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let page = page.replace("Log line `", "log line `");
    let source = source();
    let mut quoted = 0;
    for after in page.split("log line `").skip(1) {
        let line = after.split('`').next().unwrap_or_default();
        assert!(source.contains(line), "nothing logs `{line}`");
        quoted += 1;
    }
    assert!(quoted >= 6, "only {quoted} lines were found");
}

#[test]
fn it_explains_every_reason_of_a_dead_letter() {
    let page = read(&root().join(RUNBOOK));
    let (_, table) = page.split_once("| reason | usually |").expect("a table");
    let rows = table.lines().take_while(|line| !line.starts_with("Mend"));
    let cells = rows.filter_map(|line| line.split('|').nth(1));
    let shown: BTreeSet<&str> = cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    let known: BTreeSet<&str> = refusal_reasons().map(RefusalReason::code).collect();
    assert_eq!(shown, known);
}
