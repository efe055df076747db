//! What one file says of modules and names: the ones it declares, imports, defines and uses. What is
//! compiled for tests alone is left out.

use std::collections::BTreeSet;

use super::tokens::{Kind, Token};

/// What a file says, or the part of it in one `mod name { … }`.
#[derive(Debug, Default)]
pub struct Contents {
    pub modules: Vec<Declared>,
    pub imports: Vec<Import>,
    /// Items that others can name.
    pub defines: BTreeSet<String>,
    /// Paths of two or more names outside imports.
    pub paths: Vec<Vec<String>>,
}

/// A `mod` declaration.
#[derive(Debug)]
pub struct Declared {
    pub name: String,
    /// What a `#[path = "…"]` says.
    pub path: Option<String>,
    /// Of a module that is written down in the same file.
    pub body: Option<Contents>,
}

/// One name of a `use`.
#[derive(Debug)]
pub struct Import {
    pub path: Vec<String>,
    /// What the importing module calls it; nothing for `*`.
    pub name: Option<String>,
}

/// Keywords before the name of an item.
const ITEMS: [&str; 8] = [
    "fn", "struct", "enum", "trait", "type", "const", "static", "union",
];

/// Keywords that an item begins with, in whose head a comma says nothing of its end.
const ITEM_STARTS: [&str; 14] = [
    "fn", "struct", "enum", "trait", "type", "const", "static", "union", "impl", "mod", "use",
    "unsafe", "async", "extern",
];

impl Contents {
    pub fn read(tokens: &[Token]) -> Self {
        Reader { tokens, at: 0 }.contents()
    }
}

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Up to the end of the file or past the `}` of the module that is being read.
    fn contents(&mut self) -> Contents {
        let mut contents = Contents::default();
        let mut depth = 0_usize;
        let mut path = None;
        while let Some(token) = self.tokens.get(self.at).copied() {
            if token.is("#") {
                let attribute = self.attribute();
                if is_for_tests(attribute) {
                    self.skip_item();
                }
                path = path_of(attribute).or(path);
            } else if token.is("mod") && self.name_at(1).is_some() {
                contents.modules.push(self.declared(path.take()));
            } else if token.is("use") && self.is_import() {
                self.at += 1;
                self.imports(&mut Vec::new(), &mut contents.imports);
            } else if token.kind == Kind::Name {
                if depth == 0 {
                    contents.defines.extend(self.defined());
                }
                self.path(&mut contents.paths);
            } else {
                match token.text {
                    "{" | "(" | "[" if token.kind == Kind::Other => depth += 1,
                    "}" if depth == 0 => {
                        self.at += 1;
                        return contents;
                    }
                    "}" | ")" | "]" if token.kind == Kind::Other => depth -= 1,
                    _ => {}
                }
                self.at += 1;
            }
        }
        contents
    }

    /// The tokens of the attribute that begins here, without `#[` and `]`.
    fn attribute(&mut self) -> &'a [Token<'a>] {
        self.at += 1;
        if self.is_at(0, "!") {
            self.at += 1;
        }
        if !self.is_at(0, "[") {
            return &[];
        }
        let first = self.at + 1;
        self.skip_group();
        &self.tokens[first..self.at - 1]
    }

    /// `mod name;` or all of `mod name { … }`.
    fn declared(&mut self, path: Option<String>) -> Declared {
        let name = self.name_at(1).unwrap_or_default().to_owned();
        self.at += 2;
        let has_body = self.is_at(0, "{");
        self.at += 1;
        Declared {
            name,
            path,
            body: has_body.then(|| self.contents()),
        }
    }

    /// The name of the item that begins at this keyword.
    fn defined(&self) -> Option<String> {
        let keyword = self.tokens[self.at].text;
        if ITEMS.contains(&keyword) {
            return self.name_at(1).map(str::to_owned);
        }
        if keyword == "macro_rules" && self.is_at(1, "!") {
            return self.name_at(2).map(str::to_owned);
        }
        None
    }

    /// The tree of a `use`, from here to its `;`, or to the `,` or `}` after one branch of it.
    fn imports(&mut self, prefix: &mut Vec<String>, imports: &mut Vec<Import>) {
        let before = prefix.len();
        while let Some(token) = self.tokens.get(self.at).copied() {
            self.at += 1;
            match token.text {
                "::" => continue,
                "{" => {
                    while !self.is_at(0, "}") && self.at < self.tokens.len() {
                        self.imports(prefix, imports);
                        if self.is_at(0, ",") {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    prefix.truncate(before);
                    return;
                }
                "*" => {
                    let path = prefix.clone();
                    imports.push(Import { path, name: None });
                    prefix.truncate(before);
                    return;
                }
                // `a::{self}` names `a`.
                "self" if !prefix.is_empty() => {}
                name => prefix.push(name.to_owned()),
            }
            if !self.is_at(0, "::") && !self.is_at(0, "{") && !self.is_at(0, "*") {
                break;
            }
        }
        let mut name = prefix.last().cloned();
        if self.is_at(0, "as") {
            name = self.name_at(1).map(str::to_owned);
            self.at += 2;
        }
        let path = prefix.clone();
        imports.push(Import { path, name });
        prefix.truncate(before);
    }

    /// Past the name here and the path that it begins, which is kept if it is one.
    fn path(&mut self, paths: &mut Vec<Vec<String>>) {
        // After `::` or `.` it is not the beginning, and `pub(in …)` says who may see, not what is used.
        let begins = self.at == 0
            || !["::", ".", "in"]
                .iter()
                .any(|sign| self.tokens[self.at - 1].is(sign));
        let mut path = vec![self.tokens[self.at].text.to_owned()];
        self.at += 1;
        while self.is_at(0, "::") {
            let Some(name) = self.name_at(1) else {
                break;
            };
            path.push(name.to_owned());
            self.at += 2;
        }
        if begins && path.len() > 1 {
            paths.push(path);
        }
    }

    /// Past what the attribute before it belongs to: an item, a statement, a field or a variant.
    fn skip_item(&mut self) {
        while self.is_at(0, "#") {
            self.attribute();
        }
        if self.is_at(0, "pub") {
            self.at += 1;
            if self.is_at(0, "(") {
                self.skip_group();
            }
        }
        let start = self.tokens.get(self.at).map_or("", |token| token.text);
        let is_item = ITEM_STARTS.contains(&start);
        let ends_with_sign = ["use", "const", "static", "type", "let"].contains(&start);
        while let Some(token) = self.tokens.get(self.at).copied() {
            if token.kind == Kind::Text {
                self.at += 1;
                continue;
            }
            match token.text {
                "}" | ")" | "]" => return,
                "{" => {
                    self.skip_group();
                    if !ends_with_sign {
                        return;
                    }
                }
                "(" | "[" => self.skip_group(),
                ";" => {
                    self.at += 1;
                    return;
                }
                "," if !is_item => {
                    self.at += 1;
                    return;
                }
                _ => self.at += 1,
            }
        }
    }

    /// Past the bracket here and the one that closes it.
    fn skip_group(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.tokens.get(self.at) {
            self.at += 1;
            if token.kind != Kind::Other {
                continue;
            }
            match token.text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => {
                    depth -= 1;
                    if depth == 0 {
                        return;
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether the `use` here is an import and not a bound, `use<'a>`.
    fn is_import(&self) -> bool {
        !self.is_at(1, "<")
    }

    fn is_at(&self, ahead: usize, text: &str) -> bool {
        self.tokens
            .get(self.at + ahead)
            .is_some_and(|token| token.is(text))
    }

    fn name_at(&self, ahead: usize) -> Option<&str> {
        let token = self.tokens.get(self.at + ahead)?;
        (token.kind == Kind::Name).then_some(token.text)
    }
}

/// `cfg(test)` and `cfg(all(test, …))`.
fn is_for_tests(attribute: &[Token]) -> bool {
    let texts: Vec<&str> = attribute.iter().map(|token| token.text).collect();
    texts.starts_with(&["cfg", "(", "test", ")"])
        || texts.starts_with(&["cfg", "(", "all", "(", "test", ","])
}

/// What `path = "…"` says.
fn path_of(attribute: &[Token]) -> Option<String> {
    match attribute {
        [name, equals, text] if name.is("path") && equals.is("=") => {
            Some(text.text.trim_matches('"').to_owned())
        }
        _ => None,
    }
}
