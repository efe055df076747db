//! The reader on small sources: what it must see, and what it must not.

use std::path::Path;

use super::circles::{Kernel, circles};
use super::sizes::{code_lines, functions, wide_lines};
use super::tree::Tree;

/// The circles of a crate of these files, by name.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let read = |path: &Path| {
        let mut files = files.iter();
        let (_, text) = files.find(|(name, _)| Path::new(name) == path)?;
        Some((*text).to_owned())
    };
    let tree = Tree::read(Path::new("lib.rs"), &read);
    circles(&tree)
        .iter()
        .map(super::circles::Circle::name)
        .collect()
}

/// The circles of a crate of two modules beside each other.
fn of_two(a: &str, b: &str) -> Vec<String> {
    found(&[("lib.rs", "mod a;\nmod b;"), ("a.rs", a), ("b.rs", b)])
}

const CIRCLE: [&str; 1] = ["lib.rs: a, b"];

#[test]
fn finds_a_circle_however_it_is_written() {
    let b = "pub struct B;\nfn f() { super::a::f() }";
    for a in [
        "use crate::b::B;\npub fn f() {}",
        "use super::b::{self, B};\npub fn f() {}",
        "use super::{b::{B as Other}};\npub fn f() {}",
        "use crate::b::*;\npub fn f() {}",
        "use crate::b;\npub fn f() { b::made_by_a_macro() }",
        "pub fn f() -> crate::b::B { loop {} }",
        "pub fn f(c: char) -> bool { c == '\"' && crate::b::B == '\"' }",
        "pub fn f() { let _ = |x: &'static str| crate::b::B; }",
        "pub mod inner { pub use super::super::b::B; }\npub fn f() {}",
        "impl std::fmt::Display for super::b::B {}\npub fn f() {}",
        "#[cfg(test)]\nuse crate::b::C;\nuse crate::b::B;\npub fn f() {}",
        "struct S { #[cfg(test)] seen: Vec<u8>, b: crate::b::B }\npub fn f() {}",
        "#[cfg(test)]\nmod tests { fn g() {} }\nuse crate::b::B;\npub fn f() {}",
    ] {
        assert_eq!(of_two(a, b), CIRCLE, "{a}");
    }
}

#[test]
fn what_is_no_use_is_not_counted() {
    let b = "pub struct B;\nfn f() { super::a::f() }";
    for a in [
        "//! Like [`crate::b::B`].\n/* use crate::b::B; /* nested */ */\npub fn f() {}",
        "pub fn f() { g(\"crate::b::B\", r#\"\"crate::b::B\"\"#, b'\\'', '\\'', \"\\\"crate::b::B\"); }",
        "#[cfg(test)]\nmod tests {\n    use crate::b::B;\n}\npub fn f() {}",
        "#[cfg(test)]\nmod tests;\npub fn f() {}",
        "#[cfg(all(test, unix))]\n#[expect(dead_code)]\nfn g<T, U>() { crate::b::B; }\npub fn f() {}",
        "#[cfg(test)]\nuse crate::b::{B, C};\npub fn f() {}",
        "struct S { #[cfg(test)] b: crate::b::B, c: u8 }\npub fn f() {}",
        "use other::b::B;\npub(in crate::b) fn f() {}",
        "use crate::b;\npub fn f() {}",
        "pub fn f() { B::new() }",
    ] {
        assert_eq!(of_two(a, b), Vec::<String>::new(), "{a}");
    }
}

#[test]
fn a_reexport_counts_as_what_it_names() {
    let lib = "mod a;\nmod b;\nmod c;\npub use a::A;\npub use b::*;\nuse c::C as Other;";
    let c = ("c.rs", "pub struct C;");
    let files = |a, b| found(&[("lib.rs", lib), ("a.rs", a), ("b.rs", b), c]);
    let none = Vec::<String>::new();
    assert_eq!(files("pub struct A;", "use crate::A;\npub struct B;"), none);
    assert_eq!(
        files("use crate::{B, Other};\npub struct A;", "pub struct B;"),
        none
    );
    assert_eq!(
        files(
            "use crate::B;\npub struct A;",
            "use crate::A;\npub struct B;"
        ),
        CIRCLE
    );
}

#[test]
fn a_module_that_takes_from_the_file_that_holds_it_is_in_a_circle() {
    let files = |lib, a| found(&[("lib.rs", lib), ("a/mod.rs", a)]);
    assert_eq!(
        files("mod a;\npub struct Shared;", "use super::Shared;"),
        ["lib.rs: a, self"]
    );
    assert_eq!(
        files("mod a;\npub struct Shared;\nuse a::A;", "pub struct A;"),
        Vec::<String>::new()
    );
}

#[test]
fn folders_are_in_a_circle_even_if_their_files_are_not() {
    let circles = found(&[
        ("lib.rs", "mod one;\nmod two;"),
        ("one.rs", "mod high;\nmod low;"),
        ("one/high.rs", "use crate::two::T;"),
        ("one/low.rs", "pub struct L;"),
        ("two.rs", "use crate::one::low::L;\npub struct T;"),
    ]);
    assert_eq!(circles, ["lib.rs: one, two"]);
}

#[test]
fn a_path_attribute_leads_to_its_file() {
    let circles = found(&[
        (
            "lib.rs",
            "#[path = \"support/../shared/x.rs\"]\nmod x;\nmod y;",
        ),
        ("shared/x.rs", "use crate::y::Y;\npub struct X;"),
        ("y.rs", "use crate::x::X;\npub struct Y;"),
    ]);
    assert_eq!(circles, ["lib.rs: x, y"]);
}

#[test]
fn a_kernel_names_its_members_and_its_reason() {
    let members = |source| Kernel::read(source).map(|kernel| kernel.members.into_iter().collect());
    let kernel = "//! Folds.\n//!\n//! Kernel: `fold`, read and\n\
                  //! taken need each other because a row is both.\n";
    let expected = ["fold", "read", "taken"].map(str::to_owned).to_vec();
    assert_eq!(members(kernel), Some(expected));
    assert_eq!(
        members("//! Kernel: fold and read\n"),
        None::<Vec<_>>,
        "no reason"
    );
    assert_eq!(
        members("// Kernel: a and b need each other because x.\n"),
        None
    );
}

#[test]
fn lines_of_code_are_neither_blank_nor_comments() {
    let source =
        "//! What.\n\nfn f() { // why\n    /* a\n       b */\n    g(\"one\n\n    three\");\n}\n";
    assert_eq!(code_lines(source), 5);
}

#[test]
fn a_function_is_as_long_as_its_body() {
    let source = "\
fn short() {}
trait T { fn without(&self) -> [u8; 3]; }
const F: fn(u8) = g;
fn long<T>(c: char)
where
    T: Copy,
{
    // Comments and blank lines count.

    if c == '}' { \"}\" } else { \"{\" };
}
";
    let expected = [("short".to_owned(), 0), ("long".to_owned(), 3)];
    assert_eq!(functions(source), expected);
}

#[test]
fn wide_lines_are_counted_in_characters() {
    let wide = |name, source| wide_lines(name, source, 10);
    assert_eq!(wide("a.md", "äöüäöüäöüä\näöüäöüäöüäö\n"), [2]);
    assert_eq!(
        wide("a.md", "| a | b | c | d |\nhttps://a.example\n"),
        [0; 0]
    );
    assert_eq!(wide("a.rs", "/// | a | b | c |\n// one two three\n"), [2]);
    assert_eq!(
        wide("a.rs", "f(\"one two\nthree four five\nsix\");\n"),
        [0; 0]
    );
    assert_eq!(wide("a.rs", "f(\"one two three\");\n"), [1]);
    assert_eq!(wide("a.rs", "f(r\"one two three\");\n"), [0; 0]);
    assert_eq!(
        wide("a.md", "# A\n\nGenerated from x.\n\none two three\n"),
        [0; 0]
    );
    assert_eq!(wide("a.toml", "key = \"a value\"\n# one two three\n"), [2]);
}
