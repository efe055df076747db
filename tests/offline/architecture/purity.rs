//! What a source says that a pure crate must not: clocks, files, sockets and the like.

use std::path::{Path, PathBuf};

/// Paths that a pure crate never writes outside its tests, with what to do instead.
const IMPURE_PATHS: [(&str, &str); 14] = [
    ("std::env", "settings are data and are passed in"),
    ("std::fs", "the caller reads files and passes their bytes"),
    (
        "std::net",
        "only consumer, sink and the binary open sockets",
    ),
    ("std::os", "nothing here depends on the system"),
    ("std::process", "an error is returned, never an exit"),
    ("std::thread", "lanes are run by the binary"),
    ("std::io::stdin", "the caller reads input"),
    ("std::io::stdout", "the sink writes output"),
    ("std::io::stderr", "errors are returned"),
    ("SystemTime", "time comes from records"),
    ("Instant::now", "only the edge measures durations"),
    ("Timestamp::now", "time comes from records"),
    ("RandomState", "its seed is random: use a fixed one"),
    ("rand::", "the fold is deterministic"),
];

/// Rust files below `directory` that are not tests.
pub fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("cannot list {}: {error}", directory.display()));
    for entry in entries {
        let path = entry.expect("a directory entry").path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let is_test = stem == "tests" || stem.ends_with("_tests");
        if is_test {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The impure paths in `source`, outside comments and test modules, each with its advice.
pub fn impure_paths(source: &str) -> Vec<String> {
    let code = without_comments_and_tests(source);
    let expanded = format!("{code}\n{}", expand_std_groups(&code));
    let hits = IMPURE_PATHS
        .iter()
        .filter(|(path, _)| contains_path(&expanded, path));
    hits.map(|(path, advice)| format!("{path}: {advice}"))
        .collect()
}

/// Whether `path` occurs in `code` as whole identifiers: `rand::` is not found in `operand::`.
fn contains_path(code: &str, path: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(path).any(|(start, _)| {
        let before = code[..start].chars().next_back();
        let after = code[start + path.len()..].chars().next();
        !before.is_some_and(part_of_name)
            && (path.ends_with(':') || !after.is_some_and(part_of_name))
    })
}

/// `use std::{a, b::c};` as `std::a std::b::c`, so that one search finds grouped imports as well.
fn expand_std_groups(code: &str) -> String {
    let mut expanded = String::new();
    for (start, opening) in code.match_indices("std::{") {
        let group = &code[start + opening.len()..];
        expanded.push_str(" std::");
        let mut depth = 0;
        for c in group.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    expanded.push_str(" std::");
                    continue;
                }
                c if c.is_whitespace() => continue,
                _ => {}
            }
            expanded.push(c);
        }
    }
    expanded
}

/// `source` without line comments and without the inline modules under `#[cfg(test)]`.
fn without_comments_and_tests(source: &str) -> String {
    let mut code = String::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim_start();
        if trimmed.starts_with("//") {
            continue;
        }
        if trimmed.starts_with("#[cfg(test)]") {
            let opening = lines.next().unwrap_or_default();
            if opening.trim_end().ends_with('{') {
                // rustfmt closes the module at the indentation at which it opened it.
                let indent = &opening[..opening.len() - opening.trim_start().len()];
                let closing = format!("{indent}}}");
                lines.by_ref().find(|line| line.trim_end() == closing);
            }
            continue;
        }
        code.push_str(line);
        code.push('\n');
    }
    code
}

#[test]
fn the_scan_sees_what_it_is_for() {
    for code in [
        "use std::fs;\n",
        "use std::{fmt, fs::File};\n",
        "use std::{\n    collections::{BTreeMap, HashMap},\n    net,\n};\n",
        "fn f() { std::fs::read(\"x\"); }\n",
        "fn f() -> u64 { std::time::Instant::now().elapsed() }\n",
        "use std::time::SystemTime;\n",
        "fn f() { let x: u8 = rand::random(); }\n",
        "#[cfg(test)]\nmod tests;\n\nuse std::thread;\n",
    ] {
        assert!(!impure_paths(code).is_empty(), "not seen: {code}");
    }
    for code in [
        "//! Never uses std::fs or SystemTime.\n",
        "use std::{fmt, io};\n",
        "/// An operand:: is fine.\nfn operand::x() {}\n",
        "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n",
    ] {
        assert_eq!(impure_paths(code), Vec::<String>::new(), "{code}");
    }
}
