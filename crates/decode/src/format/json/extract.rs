//! One walk over a record that checks it whole and notes where mapped values are.

use super::escape::unescape;
use super::reason::NOT_AN_OBJECT;
use super::scan::Cursor;
use crate::refusal::{Fault, RefusalReason};
use crate::token::{Span, Token};
use crate::tree::{FieldTree, Target};

/// Remembers the field order of the records before, which the next record most likely has too.
#[derive(Debug)]
pub(super) struct Extractor {
    /// One per node of the tree.
    orders: Vec<FieldOrder>,
    /// One per slot; of the last record.
    pub(super) tokens: Vec<Token>,
    /// Which nodes the record has had, by node.
    met: Vec<bool>,
    /// Unescaped field name, on the rare path.
    name: Vec<u8>,
    takes_nan: bool,
}

/// The fields of one object in the order in which they last came.
#[derive(Debug, Default)]
struct FieldOrder {
    /// At most [`REMEMBERED_FIELDS_MAX`].
    fields: Vec<Remembered>,
}

#[derive(Debug)]
struct Remembered {
    /// Everything from the end of the value before to the start of this value: blanks, comma or
    /// brace, quoted name, colon. Equal bytes in the same place parse the same way. At most
    /// [`REMEMBERED_BYTES_MAX`].
    lead: Vec<u8>,
    target: Target,
}

/// More fields of one object are looked up instead of predicted.
const REMEMBERED_FIELDS_MAX: usize = 256;
/// Longer names are looked up instead of predicted.
const REMEMBERED_BYTES_MAX: usize = 256;
/// How many fields a record may leave out in a row before prediction stumbles.
const LOOK_AHEAD: usize = 4;

impl Extractor {
    /// `takes_nan` says that NaN and infinities are null.
    pub(super) fn new(tree: &FieldTree, takes_nan: bool) -> Self {
        let orders = (0..tree.nodes()).map(|_| FieldOrder::default()).collect();
        Self {
            orders,
            tokens: vec![Token::Absent; tree.slots()],
            met: vec![false; tree.nodes()],
            name: Vec::new(),
            takes_nan,
        }
    }

    /// Fills [`Extractor::tokens`] from `payload`, which is UTF-8.
    pub(super) fn extract(&mut self, tree: &FieldTree, payload: &[u8]) -> Result<(), Fault> {
        self.tokens.fill(Token::Absent);
        self.met.fill(false);
        let mut cursor = Cursor::new(payload, self.takes_nan);
        cursor.skip_blanks();
        match cursor.peek() {
            Some(b'{') => {}
            Some(b'[') => {
                let what = "the record is an array; send each of its objects as a record";
                return Err(Fault::new(NOT_AN_OBJECT, what));
            }
            Some(b'"' | b'0'..=b'9' | b'-' | b't' | b'f' | b'n') => {
                let what = "the record is not a JSON object";
                return Err(Fault::new(NOT_AN_OBJECT, what));
            }
            _ => return Err(cursor.fault("expected an object")),
        }
        self.object(tree, 0, 0, &mut cursor)?;
        cursor.skip_blanks();
        if cursor.peek() == Some(b'{') {
            return Err(cursor.fault("the record holds several objects; send each as a record"));
        }
        if cursor.at < payload.len() {
            return Err(cursor.fault("something follows the end of the record"));
        }
        Ok(())
    }

    /// An object whose brace is next. `depth` is the number of objects around it, at most that of
    /// the deepest mapped path.
    fn object(
        &mut self,
        tree: &FieldTree,
        node: usize,
        depth: usize,
        cursor: &mut Cursor<'_>,
    ) -> Result<(), Fault> {
        cursor.check_depth(depth)?;
        let mut expected = 0;
        let mut separator = b'{';
        loop {
            let target = match self.orders[node].predict(&mut expected, cursor.rest()) {
                Some((target, length)) => {
                    cursor.at += length;
                    // The remembered record may have had fewer blanks before its value.
                    cursor.skip_blanks();
                    target
                }
                None => match self.look_up(tree, node, expected, separator, cursor)? {
                    Some(target) => {
                        expected += 1;
                        target
                    }
                    None => return Ok(()),
                },
            };
            separator = b',';
            self.value(tree, target, depth + 1, cursor)?;
        }
    }

    /// A value, of which `target` says what to do with it.
    #[inline(always)]
    fn value(
        &mut self,
        tree: &FieldTree,
        target: Target,
        depth: usize,
        cursor: &mut Cursor<'_>,
    ) -> Result<(), Fault> {
        match target {
            Target::Leaf(slot) => self.leaf(usize::from(slot), depth, cursor),
            Target::Skip => cursor.skip_value(depth),
            Target::Node(child) => self.child(tree, usize::from(child), depth, cursor),
            Target::Array(child) => self.array(tree, usize::from(child), depth, cursor),
        }
    }

    /// A value elements of which are mapped; they are absent when it is no array.
    #[inline(never)]
    fn array(
        &mut self,
        tree: &FieldTree,
        node: usize,
        depth: usize,
        cursor: &mut Cursor<'_>,
    ) -> Result<(), Fault> {
        if std::mem::replace(&mut self.met[node], true) {
            return Err(given_twice(cursor.at));
        }
        if cursor.peek() != Some(b'[') {
            return cursor.skip_value(depth);
        }
        cursor.check_depth(depth)?;
        cursor.at += 1;
        cursor.skip_blanks();
        if cursor.peek() == Some(b']') {
            cursor.at += 1;
            return Ok(());
        }
        let mut index = 0;
        loop {
            self.value(tree, tree.element(node, index), depth + 1, cursor)?;
            cursor.skip_blanks();
            match cursor.peek() {
                Some(b',') => cursor.at += 1,
                Some(b']') => {
                    cursor.at += 1;
                    return Ok(());
                }
                _ => return Err(cursor.fault("expected a comma or an end")),
            }
            cursor.skip_blanks();
            index += 1;
        }
    }

    /// A value inside which fields are mapped; they are absent when it is no object.
    fn child(
        &mut self,
        tree: &FieldTree,
        node: usize,
        depth: usize,
        cursor: &mut Cursor<'_>,
    ) -> Result<(), Fault> {
        if std::mem::replace(&mut self.met[node], true) {
            return Err(given_twice(cursor.at));
        }
        if cursor.peek() == Some(b'{') {
            self.object(tree, node, depth, cursor)
        } else {
            cursor.skip_value(depth)
        }
    }

    /// Reads `separator`, name and colon the long way; `None` at the end of the object.
    fn look_up(
        &mut self,
        tree: &FieldTree,
        node: usize,
        expected: usize,
        separator: u8,
        cursor: &mut Cursor<'_>,
    ) -> Result<Option<Target>, Fault> {
        let start = cursor.at;
        cursor.skip_blanks();
        let is_first = separator == b'{';
        if !is_first && cursor.peek() == Some(b'}') {
            cursor.at += 1;
            return Ok(None);
        }
        cursor.expect(separator, "expected a comma or the end of the object")?;
        cursor.skip_blanks();
        if is_first && cursor.peek() == Some(b'}') {
            cursor.at += 1;
            return Ok(None);
        }
        cursor.expect(b'"', "expected a field name")?;
        let span = cursor.string()?;
        let written = &cursor.bytes[span.start..span.end];
        let target = if span.escaped {
            self.name.clear();
            // A name with half a surrogate pair is nobody's name.
            match unescape(written, &mut self.name) {
                Ok(()) => tree.target(node, &self.name),
                Err(_) => Target::Skip,
            }
        } else {
            tree.target(node, written)
        };
        cursor.skip_blanks();
        cursor.expect(b':', "expected a colon")?;
        cursor.skip_blanks();
        self.orders[node].learn(expected, &cursor.bytes[start..cursor.at], target);
        Ok(Some(target))
    }

    /// Notes the value that is next under `slot`.
    #[inline(always)]
    fn leaf(&mut self, slot: usize, depth: usize, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        if !matches!(self.tokens[slot], Token::Absent) {
            return Err(given_twice(cursor.at));
        }
        let start = cursor.at;
        self.tokens[slot] = match cursor.peek() {
            Some(b'"') => {
                cursor.at += 1;
                let string = cursor.string()?;
                let span = Span::new(string.start, string.end);
                match string.escaped {
                    true => Token::Coded(span),
                    false => Token::Text(span),
                }
            }
            Some(b'0'..=b'9') => {
                cursor.number()?;
                Token::Decimal(Span::new(start, cursor.at))
            }
            Some(b'-') => below_zero(cursor)?,
            first => {
                cursor.skip_value(depth)?;
                match first {
                    Some(b't') => Token::Boolean(true),
                    Some(b'f') => Token::Boolean(false),
                    Some(b'n' | b'N' | b'I') => Token::Null,
                    _ => Token::Composite,
                }
            }
        };
        Ok(())
    }
}

/// The number that is next, whose minus sign nearly no value has, or an infinity.
#[inline(never)]
fn below_zero(cursor: &mut Cursor<'_>) -> Result<Token, Fault> {
    let start = cursor.at;
    let is_infinity = cursor.is_infinity();
    cursor.number()?;
    Ok(match is_infinity {
        true => Token::Null,
        false => Token::Decimal(Span::new(start, cursor.at)),
    })
}

fn given_twice(at: usize) -> Fault {
    let what = "a mapped field is given twice";
    Fault::at_byte(RefusalReason::DUPLICATE_FIELD, what, at)
}

/// Whether `rest` starts with `lead`; by words, as names are too short for a library call to pay.
#[inline]
fn starts_with(rest: &[u8], lead: &[u8]) -> bool {
    let Some(head) = rest.get(..lead.len()) else {
        return false;
    };
    let (Some(head_end), Some(lead_end)) = (head.last_chunk::<8>(), lead.last_chunk::<8>()) else {
        return head == lead;
    };
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let words = |bytes| <[u8]>::as_chunks::<8>(bytes).0.iter().map(word);
    // The last words overlap the ones before where the length is no multiple of eight.
    word(head_end) == word(lead_end) && words(head).eq(words(lead))
}

impl FieldOrder {
    /// The field that `rest` starts with and the length of its lead, if it is the expected one or
    /// one of the next few; `expected` then moves past it.
    #[inline]
    fn predict(&self, expected: &mut usize, rest: &[u8]) -> Option<(Target, usize)> {
        let ahead = self.fields.get(*expected..)?;
        for (skipped, field) in ahead.iter().take(LOOK_AHEAD).enumerate() {
            if starts_with(rest, &field.lead) {
                *expected += skipped + 1;
                return Some((field.target, field.lead.len()));
            }
        }
        None
    }

    /// Remembers a field that came where `expected` did not.
    fn learn(&mut self, expected: usize, lead: &[u8], target: Target) {
        if lead.len() > REMEMBERED_BYTES_MAX || expected >= REMEMBERED_FIELDS_MAX {
            return;
        }
        if let Some(field) = self.fields.get_mut(expected) {
            field.lead.clear();
            field.lead.extend_from_slice(lead);
            field.target = target;
        } else if expected == self.fields.len() {
            self.fields.push(Remembered {
                lead: lead.to_vec(),
                target,
            });
        }
    }
}
