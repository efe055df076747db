//! The mapped fields of a record, as the tree of objects they are in.

use std::collections::BTreeMap;

/// What to do with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// Check its value and keep nothing.
    Skip,
    /// Note where its value is, under this slot.
    Leaf(u16),
    /// Look for mapped fields inside it, an object: index of a node.
    Node(u16),
    /// Look for mapped elements inside it, an array: index of a node.
    Array(u16),
}

/// Mapped fields by the objects and arrays that hold them.
#[derive(Debug)]
pub(crate) struct FieldTree {
    /// Node 0 is the record itself. Never empty.
    nodes: Vec<Node>,
    /// Number of slots given out.
    slots: u16,
}

/// An object or an array, as the target that leads to it says.
#[derive(Debug, Default)]
struct Node {
    fields: BTreeMap<Box<[u8]>, Target>,
    elements: BTreeMap<u32, Target>,
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// To the field of this name.
    Name(String),
    /// To the element of this number, from 0.
    Index(u32),
}

/// Why a path has no place in a tree.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PathError {
    /// Some other path ends where this one goes on, or the other way round; or takes an array for an object.
    Conflict,
    /// More paths or objects than a slot number can name.
    TooMany,
}

impl FieldTree {
    pub(crate) fn new() -> Self {
        Self {
            nodes: vec![Node::default()],
            slots: 0,
        }
    }

    /// The slot of the value at `path`, the same for the same path. `path` begins with a name.
    pub(crate) fn slot(&mut self, path: &[Step]) -> Result<u16, PathError> {
        let mut node = 0;
        let mut steps = path.iter().peekable();
        while let Some(step) = steps.next() {
            node = match steps.peek() {
                None => return self.leaf(node, step),
                Some(Step::Name(_)) => self.child(node, step, Target::Node)?,
                Some(Step::Index(_)) => self.child(node, step, Target::Array)?,
            };
        }
        Err(PathError::Conflict)
    }

    fn leaf(&mut self, node: usize, step: &Step) -> Result<u16, PathError> {
        match self.nodes[node].get(step) {
            Some(Target::Leaf(slot)) => Ok(slot),
            Some(_) => Err(PathError::Conflict),
            None => {
                let slot = self.slots;
                self.slots = slot.checked_add(1).ok_or(PathError::TooMany)?;
                self.nodes[node].insert(step, Target::Leaf(slot));
                Ok(slot)
            }
        }
    }

    /// The node behind `step`, which is one of `of`.
    fn child(
        &mut self,
        node: usize,
        step: &Step,
        of: fn(u16) -> Target,
    ) -> Result<usize, PathError> {
        match self.nodes[node].get(step) {
            Some(found @ (Target::Node(child) | Target::Array(child))) if found == of(child) => {
                Ok(usize::from(child))
            }
            Some(_) => Err(PathError::Conflict),
            None => {
                let child = u16::try_from(self.nodes.len()).map_err(|_| PathError::TooMany)?;
                self.nodes.push(Node::default());
                self.nodes[node].insert(step, of(child));
                Ok(usize::from(child))
            }
        }
    }

    /// What to do with field `name` of `node`.
    pub(crate) fn target(&self, node: usize, name: &[u8]) -> Target {
        let fields = &self.nodes[node].fields;
        fields.get(name).copied().unwrap_or(Target::Skip)
    }

    /// What to do with the element of `node` at `index`.
    pub(crate) fn element(&self, node: usize, index: u32) -> Target {
        let elements = &self.nodes[node].elements;
        elements.get(&index).copied().unwrap_or(Target::Skip)
    }

    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn slots(&self) -> usize {
        usize::from(self.slots)
    }
}

impl Node {
    fn get(&self, step: &Step) -> Option<Target> {
        match step {
            Step::Name(name) => self.fields.get(name.as_bytes()).copied(),
            Step::Index(index) => self.elements.get(index).copied(),
        }
    }

    fn insert(&mut self, step: &Step, target: Target) {
        match step {
            Step::Name(name) => self.fields.insert(name.as_bytes().into(), target),
            Step::Index(index) => self.elements.insert(*index, target),
        };
    }
}

/// The steps of a path: names separated by dots, each with numbers of elements in brackets behind it or none;
/// with `\.`, `\[` and `\\` for a dot, an opening bracket and a backslash in a name.
pub(crate) fn split_path(path: &str) -> Result<Vec<Step>, &'static str> {
    let mut steps = Vec::new();
    let mut rest = path;
    loop {
        let (name, after) = name(rest)?;
        steps.push(Step::Name(name));
        rest = after;
        while let Some(inside) = rest.strip_prefix('[') {
            let (index, after) = index(inside)?;
            steps.push(Step::Index(index));
            rest = after;
        }
        if rest.is_empty() {
            break;
        }
        rest = rest
            .strip_prefix('.')
            .ok_or("has something else than a dot or a bracket behind an element")?;
    }
    if steps.len() > tillwatch_records::limits::JSON_DEPTH_MAX {
        return Err("is deeper than records may be nested");
    }
    Ok(steps)
}

/// The name that `path` begins with, and what comes behind it.
fn name(path: &str) -> Result<(String, &str), &'static str> {
    let mut name = String::new();
    let mut characters = path.chars();
    loop {
        let rest = characters.as_str();
        let literal = match characters.next() {
            None | Some('.' | '[') if name.is_empty() => {
                return Err(r"has an empty name; write a literal dot as `\.`");
            }
            None | Some('.' | '[') => return Ok((name, rest)),
            Some('\\') => match characters.next() {
                Some(escaped @ ('.' | '[' | '\\')) => escaped,
                _ => {
                    return Err(
                        r"has a backslash before something else than a dot, `[` or a backslash",
                    );
                }
            },
            Some(other) => other,
        };
        name.push(literal);
    }
}

/// The number that `inside`, what comes behind an opening bracket, begins with, and what comes behind its
/// closing bracket.
fn index(inside: &str) -> Result<(u32, &str), &'static str> {
    let problem = r"has no whole number in brackets; write a literal bracket as `\[`";
    let (digits, after) = inside.split_once(']').ok_or(problem)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let index = digits.parse().ok().filter(|_| is_number).ok_or(problem)?;
    Ok((index, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_and_escapes() {
        let name = |name: &str| Step::Name(name.to_owned());
        assert_eq!(split_path("a.b").unwrap(), [name("a"), name("b")]);
        assert_eq!(split_path(r"a\.b.c\\").unwrap(), [name("a.b"), name(r"c\")]);
        assert_eq!(
            split_path(r"a[0][12].b\[1]").unwrap(),
            [name("a"), Step::Index(0), Step::Index(12), name("b[1]")]
        );
        for bad in [
            "",
            ".",
            "a.",
            "a..b",
            r"a\b",
            r"a\",
            "[0]",
            "a.[0]",
            "a[",
            "a[]",
            "a[-1]",
            "a[+1]",
            "a[x]",
            "a[0]b",
            "a[0].",
            "a[4294967296]",
        ] {
            assert!(split_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn one_path_is_one_slot_and_conflicts_are_found() {
        let mut tree = FieldTree::new();
        let path = |text| split_path(text).unwrap();
        let token = tree.slot(&path("card.token")).unwrap();
        assert_eq!(tree.slot(&path("card.token")), Ok(token));
        assert_ne!(tree.slot(&path("card.bin")), Ok(token));
        assert_eq!(tree.slot(&path("card")), Err(PathError::Conflict));
        assert_eq!(tree.slot(&path("card.token.x")), Err(PathError::Conflict));
        assert_eq!((tree.nodes(), tree.slots()), (2, 2));
        let first = tree.slot(&path("items[0].code")).unwrap();
        assert_eq!(tree.slot(&path("items[0].code")), Ok(first));
        assert_ne!(tree.slot(&path("items[1].code")), Ok(first));
        for other in ["items", "items.code", "items[0]", "items[0][0]", "card[0]"] {
            assert_eq!(tree.slot(&path(other)), Err(PathError::Conflict), "{other}");
        }
    }
}
