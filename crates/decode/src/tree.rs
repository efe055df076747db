//! The mapped fields of a record, as the tree of objects they are in.

use std::collections::BTreeMap;

/// What to do with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// Check its value and keep nothing.
    Skip,
    /// Note where its value is, under this slot.
    Leaf(u16),
    /// Look for mapped fields inside it: index of a node.
    Node(u16),
}

/// Mapped fields by the objects that hold them.
#[derive(Debug)]
pub(crate) struct FieldTree {
    /// Node 0 is the record itself. Never empty.
    nodes: Vec<BTreeMap<Box<[u8]>, Target>>,
    /// Number of slots given out.
    slots: u16,
}

/// Why a path has no place in a tree.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PathError {
    /// Some other path ends where this one goes on, or the other way round.
    Conflict,
    /// More paths or objects than a slot number can name.
    TooMany,
}

impl FieldTree {
    pub(crate) fn new() -> Self {
        Self {
            nodes: vec![BTreeMap::new()],
            slots: 0,
        }
    }

    /// The slot of the value at `path`, the same for the same path. `path` is not empty.
    pub(crate) fn slot(&mut self, path: &[String]) -> Result<u16, PathError> {
        let Some((last, parents)) = path.split_last() else {
            return Err(PathError::Conflict);
        };
        let mut node = 0;
        for name in parents {
            node = self.child(node, name)?;
        }
        match self.nodes[node].get(last.as_bytes()) {
            Some(Target::Leaf(slot)) => Ok(*slot),
            Some(_) => Err(PathError::Conflict),
            None => {
                let slot = self.slots;
                self.slots = slot.checked_add(1).ok_or(PathError::TooMany)?;
                self.nodes[node].insert(last.as_bytes().into(), Target::Leaf(slot));
                Ok(slot)
            }
        }
    }

    fn child(&mut self, node: usize, name: &str) -> Result<usize, PathError> {
        match self.nodes[node].get(name.as_bytes()) {
            Some(Target::Node(child)) => Ok(usize::from(*child)),
            Some(_) => Err(PathError::Conflict),
            None => {
                let child = u16::try_from(self.nodes.len()).map_err(|_| PathError::TooMany)?;
                self.nodes.push(BTreeMap::new());
                self.nodes[node].insert(name.as_bytes().into(), Target::Node(child));
                Ok(usize::from(child))
            }
        }
    }

    /// What to do with field `name` of `node`.
    pub(crate) fn target(&self, node: usize, name: &[u8]) -> Target {
        self.nodes[node].get(name).copied().unwrap_or(Target::Skip)
    }

    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn slots(&self) -> usize {
        usize::from(self.slots)
    }
}

/// The names in a path: separated by dots, with `\.` for a dot and `\\` for a backslash in a name.
pub(crate) fn split_path(path: &str) -> Result<Vec<String>, &'static str> {
    let mut names = vec![String::new()];
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        let literal = match character {
            '.' => {
                names.push(String::new());
                continue;
            }
            '\\' => match characters.next() {
                Some(escaped @ ('.' | '\\')) => escaped,
                _ => {
                    return Err(r"has a backslash before something else than a dot or a backslash");
                }
            },
            other => other,
        };
        if let Some(name) = names.last_mut() {
            name.push(literal);
        }
    }
    if names.iter().any(String::is_empty) {
        return Err(r"has an empty name; write a literal dot as `\.`");
    }
    if names.len() > tillwatch_records::limits::JSON_DEPTH_MAX {
        return Err("is deeper than records may be nested");
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_and_escapes() {
        assert_eq!(split_path("a.b").unwrap(), ["a", "b"]);
        assert_eq!(split_path(r"a\.b.c\\").unwrap(), ["a.b", r"c\"]);
        for bad in ["", ".", "a.", "a..b", r"a\b", r"a\"] {
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
    }
}
