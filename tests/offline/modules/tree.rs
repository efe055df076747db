//! The modules of a crate, and which of its files names what of which other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::contents::{Contents, Declared, Import};
use super::tokens::tokens;

/// Names of modules that were looked for on the way: one that comes again leads nowhere.
type Asked = BTreeSet<(usize, String)>;

/// The modules of a crate, the root first and each after the one that declares it.
#[derive(Debug)]
pub struct Tree {
    modules: Vec<Module>,
}

#[derive(Debug)]
struct Module {
    name: String,
    parent: Option<usize>,
    file: PathBuf,
    /// The module whose file it is written in: itself, but for a `mod name { … }`.
    written_in: usize,
    children: Vec<usize>,
    contents: Contents,
}

/// A file and the files of the modules below it.
#[derive(Debug)]
pub struct File<'a> {
    pub path: &'a Path,
    pub name: &'a str,
    /// Nothing for the root.
    pub parent: Option<usize>,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Module(usize),
    /// An item of the module.
    Item(usize),
    /// Another crate, a local name or a parameter.
    Outside,
}

impl Tree {
    /// Reads the crate whose root is the file `root`. `read` gives the text of a file, if it is there.
    pub fn read(root: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Self {
        let mut tree = Self {
            modules: Vec::new(),
        };
        let text = read(root).unwrap_or_else(|| panic!("{} is not there", root.display()));
        let contents = Contents::read(&tokens(&text));
        let directory = root.parent().unwrap_or(Path::new("")).to_owned();
        tree.add("crate", None, root.to_owned(), &directory, contents, read);
        tree
    }

    /// The files by the number of their module.
    pub fn files(&self) -> BTreeMap<usize, File<'_>> {
        let all = self.modules.iter().enumerate();
        let own = all.filter(|(number, module)| module.written_in == *number);
        own.map(|(number, module)| {
            let file = File {
                path: &module.file,
                name: &module.name,
                parent: module.parent.map(|parent| self.modules[parent].written_in),
            };
            (number, file)
        })
        .collect()
    }

    /// The names that the first file takes from the second, by the numbers of both.
    pub fn arrows(&self) -> BTreeMap<(usize, usize), BTreeSet<String>> {
        let mut arrows: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for (number, module) in self.modules.iter().enumerate() {
            let imports = module.contents.imports.iter();
            let imported = imports.map(|import| (&import.path, import.name.is_none()));
            let paths = module.contents.paths.iter().map(|path| (path, false));
            for (path, is_glob) in imported.chain(paths) {
                let target = match self.resolve(number, path, &mut Asked::new()) {
                    Target::Item(target) => target,
                    Target::Module(target) if is_glob => target,
                    // A module's name is no use of its file: what is then taken from it is.
                    Target::Module(_) | Target::Outside => continue,
                };
                let from = module.written_in;
                let to = self.modules[target].written_in;
                if from != to {
                    let name = if is_glob { "*" } else { &path[path.len() - 1] };
                    arrows
                        .entry((from, to))
                        .or_default()
                        .insert(name.to_owned());
                }
            }
        }
        arrows
    }

    /// Adds a module with those below it. `directory` is where the files of its modules are.
    fn add(
        &mut self,
        name: &str,
        parent: Option<usize>,
        file: PathBuf,
        directory: &Path,
        mut contents: Contents,
        read: &dyn Fn(&Path) -> Option<String>,
    ) -> usize {
        let number = self.modules.len();
        let declared = std::mem::take(&mut contents.modules);
        self.modules.push(Module {
            name: name.to_owned(),
            parent,
            file: file.clone(),
            written_in: number,
            children: Vec::new(),
            contents,
        });
        for Declared { name, path, body } in declared {
            let below = directory.join(&name);
            let child = if let Some(body) = body {
                let child = self.add(&name, Some(number), file.clone(), &below, body, read);
                self.modules[child].written_in = self.modules[number].written_in;
                child
            } else {
                let (file, text) = find(&file, directory, &name, path.as_deref(), read);
                let is_root = path.is_some() || file.ends_with("mod.rs");
                let beside = file.parent().unwrap_or(Path::new("")).to_owned();
                let directory = if is_root { beside } else { below };
                let contents = Contents::read(&tokens(&text));
                self.add(&name, Some(number), file, &directory, contents, read)
            };
            self.modules[number].children.push(child);
        }
        number
    }

    /// What `path` leads to when the module `from` says it.
    fn resolve(&self, from: usize, path: &[String], asked: &mut Asked) -> Target {
        let Some((first, rest)) = path.split_first() else {
            return Target::Outside;
        };
        let mut at = match first.as_str() {
            "crate" => Target::Module(0),
            "self" => Target::Module(from),
            "super" => self.parent(from),
            name => self.member(from, name, rest.is_empty(), asked),
        };
        for (index, name) in rest.iter().enumerate() {
            let Target::Module(module) = at else {
                return at;
            };
            if name == "super" {
                at = self.parent(module);
                continue;
            }
            let is_last = index + 1 == rest.len();
            at = match self.member(module, name, is_last, asked) {
                // Something that a macro has made there.
                Target::Outside => Target::Item(module),
                found => found,
            };
        }
        at
    }

    fn parent(&self, module: usize) -> Target {
        let parent = self.modules[module].parent;
        parent.map_or(Target::Outside, Target::Module)
    }

    /// What `name` means in a module. A module and an item may have the same one: the end of a path is
    /// the item, what goes on is the module.
    fn member(&self, module: usize, name: &str, is_last: bool, asked: &mut Asked) -> Target {
        let mut children = self.modules[module].children.iter();
        let child = children.find(|child| self.modules[**child].name == name);
        let child = child.map(|child| Target::Module(*child));
        let found = if is_last {
            self.item(module, name, asked).or(child)
        } else {
            child.or_else(|| self.item(module, name, asked))
        };
        found.unwrap_or(Target::Outside)
    }

    /// An item of that name which the module defines or imports.
    fn item(&self, module: usize, name: &str, asked: &mut Asked) -> Option<Target> {
        let contents = &self.modules[module].contents;
        if contents.defines.contains(name) {
            return Some(Target::Item(module));
        }
        if !asked.insert((module, name.to_owned())) {
            return None;
        }
        let is_it = |import: &&Import| import.name.as_deref() == Some(name);
        if let Some(import) = contents.imports.iter().find(is_it) {
            let leads_to_itself = import.path.len() == 1 && import.path[0] == name;
            return (!leads_to_itself)
                .then(|| self.resolve(module, &import.path, asked))
                .filter(|target| *target != Target::Outside);
        }
        let mut globs = contents
            .imports
            .iter()
            .filter(|import| import.name.is_none());
        globs.find_map(|glob| match self.resolve(module, &glob.path, asked) {
            Target::Module(target) if target != module => self.item(target, name, asked),
            _ => None,
        })
    }
}

/// The file of the module `name` that the file `parent` declares, and its text.
fn find(
    parent: &Path,
    directory: &Path,
    name: &str,
    path: Option<&str>,
    read: &dyn Fn(&Path) -> Option<String>,
) -> (PathBuf, String) {
    let places = match path {
        Some(path) => vec![normal(&parent.with_file_name(path))],
        None => vec![
            directory.join(format!("{name}.rs")),
            directory.join(name).join("mod.rs"),
        ],
    };
    let found = places.iter().find_map(|place| {
        let text = read(place)?;
        Some((place.clone(), text))
    });
    found.unwrap_or_else(|| panic!("{} declares {name}, which is not there", parent.display()))
}

/// `path` without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}
