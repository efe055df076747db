//! Finds what the members of a set have in common.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::canonical::{Canonical, canonical};
use crate::eval::{Slots, code};
use crate::expression::{Expression, Predicate};
use crate::node::{AnyNode, BoolNode, Choice, Comparison, FloatNode, IntNode, Shared, TextNode};

/// The members of a set, with what they have in common written once.
pub(super) struct Members {
    pub(super) predicates: Vec<BoolNode>,
    pub(super) expressions: Vec<FloatNode>,
    /// Sorted, without repetition; a column node's slot is its index here.
    pub(super) inputs: Vec<String>,
    pub(super) slots: Slots,
}

/// Finds what `predicates` and `expressions` share.
pub(super) fn share(predicates: &[&Predicate], expressions: &[&Expression]) -> Members {
    let of_predicates = predicates.iter().flat_map(|member| &member.inputs);
    let of_expressions = expressions.iter().flat_map(|member| &member.inputs);
    let mut inputs: Vec<String> = of_predicates.chain(of_expressions).cloned().collect();
    inputs.sort_unstable();
    inputs.dedup();
    let mut sharing = Sharing::default();
    let pass = |sharing: &mut Sharing| -> (Vec<BoolNode>, Vec<FloatNode>) {
        let predicates = predicates
            .iter()
            .map(|member| sharing.of(&inputs, &member.inputs).node(&member.root));
        let predicates = predicates.collect();
        let expressions = expressions
            .iter()
            .map(|member| sharing.of(&inputs, &member.inputs).node(&member.root));
        (predicates, expressions.collect())
    };
    pass(&mut sharing);
    sharing.is_counted = true;
    let (predicates, expressions) = pass(&mut sharing);
    Members {
        predicates,
        expressions,
        slots: Slots {
            inputs: inputs.len(),
            ..sharing.slots
        },
        inputs,
    }
}

/// What is known of the nodes of one type, by their normalised text.
type Seen<T> = BTreeMap<String, Times<T>>;

/// How often a node is asked for, and what stands for it in the set once it is made.
#[derive(Debug)]
struct Times<T> {
    times: usize,
    shared: Option<Shared<T>>,
}

impl<T> Default for Times<T> {
    fn default() -> Self {
        Self {
            times: 0,
            shared: None,
        }
    }
}

/// Two passes over all members: the first counts nodes, the second rewrites them.
#[derive(Debug, Default)]
struct Sharing {
    is_counted: bool,
    bools: Seen<BoolNode>,
    ints: Seen<IntNode>,
    floats: Seen<FloatNode>,
    /// Texts that are tested by their codes, however often.
    codes: BTreeMap<String, Shared<TextNode>>,
    slots: Slots,
}

impl Sharing {
    /// Rewrites nodes of a member with `names` for a set with `inputs`.
    fn of<'a>(&'a mut self, inputs: &'a [String], names: &'a [String]) -> Rewriter<'a> {
        Rewriter {
            sharing: self,
            inputs,
            names,
        }
    }
}

/// Rewrites the nodes of one member.
struct Rewriter<'a> {
    sharing: &'a mut Sharing,
    inputs: &'a [String],
    names: &'a [String],
}

/// A node of a type whose values a memo keeps.
trait Share: Canonical + Clone {
    fn seen(sharing: &mut Sharing) -> (&mut Seen<Self>, &mut usize);

    fn from_shared(shared: Shared<Self>) -> Self;

    /// Whether it is had for nothing.
    fn is_leaf(&self) -> bool;

    /// The same node with other children.
    fn rewrite(&self, to: &mut Rewriter<'_>) -> Self;
}

impl Rewriter<'_> {
    fn node<T: Share>(&mut self, node: &T) -> T {
        if node.is_leaf() {
            return node.rewrite(self);
        }
        let text = canonical(node, self.names);
        let is_counted = self.sharing.is_counted;
        let (seen, _) = T::seen(self.sharing);
        let known = seen.entry(text.clone()).or_default();
        if !is_counted {
            known.times += 1;
            // What is below is asked for once, by the first of them.
            return if known.times > 1 {
                node.clone()
            } else {
                node.rewrite(self)
            };
        }
        if let Some(shared) = &known.shared {
            return T::from_shared(shared.clone());
        }
        if known.times < 2 {
            return node.rewrite(self);
        }
        let built = Arc::new(node.rewrite(self));
        let (seen, slots) = T::seen(self.sharing);
        let shared = Shared {
            slot: *slots,
            node: built,
        };
        *slots += 1;
        if let Some(known) = seen.get_mut(&text) {
            known.shared = Some(shared.clone());
        }
        T::from_shared(shared)
    }

    fn boxed<T: Share>(&mut self, node: &T) -> Box<T> {
        Box::new(self.node(node))
    }

    fn nodes<T: Share>(&mut self, nodes: &[T]) -> Vec<T> {
        nodes.iter().map(|node| self.node(node)).collect()
    }

    fn choice<T>(
        &mut self,
        choice: &Choice<T>,
        mut each: impl FnMut(&mut Self, &T) -> T,
    ) -> Choice<T> {
        let branches = &choice.branches;
        Choice {
            branches: branches
                .iter()
                .map(|(condition, value)| (self.node(condition), each(self, value)))
                .collect(),
            otherwise: Box::new(each(self, &choice.otherwise)),
        }
    }

    /// The set's slot of a member's column.
    fn slot(&self, slot: usize) -> usize {
        let name = self.names.get(slot);
        let found = name.and_then(|name| self.inputs.binary_search(name).ok());
        debug_assert!(found.is_some(), "a set has the inputs of its members");
        found.unwrap_or(usize::MAX)
    }

    fn text(&mut self, node: &TextNode) -> TextNode {
        use TextNode as N;
        match node {
            N::Const(value) => N::Const(value.clone()),
            N::Column(slot) => N::Column(self.slot(*slot)),
            N::Substring(operand, from, length) => N::Substring(
                Box::new(self.text(operand)),
                self.boxed(&**from),
                length.as_ref().map(|length| self.boxed(&**length)),
            ),
            N::Right(operand, count) => {
                N::Right(Box::new(self.text(operand)), self.boxed(&**count))
            }
            N::Upper(operand) => N::Upper(Box::new(self.text(operand))),
            N::Case(choice) => N::Case(self.choice(choice, Self::text)),
            N::Coalesce(items) => N::Coalesce(self.texts(items)),
            N::Greatest(items) => N::Greatest(self.texts(items)),
            N::Least(items) => N::Least(self.texts(items)),
        }
    }

    fn texts(&mut self, nodes: &[TextNode]) -> Vec<TextNode> {
        nodes.iter().map(|node| self.text(node)).collect()
    }

    /// The operand of a test by code.
    fn coded(&mut self, operand: &TextNode) -> Shared<TextNode> {
        let text = canonical(operand, self.names);
        if let Some(shared) = self.sharing.codes.get(&text) {
            return shared.clone();
        }
        let node = Arc::new(self.text(operand));
        if !self.sharing.is_counted {
            return Shared { slot: 0, node };
        }
        let slot = self.sharing.slots.codes;
        self.sharing.slots.codes += 1;
        let shared = Shared { slot, node };
        self.sharing.codes.insert(text, shared.clone());
        shared
    }

    /// Whether `operand` is one of `texts`, where all of these have codes.
    fn in_codes<'t>(
        &mut self,
        operand: &TextNode,
        texts: impl IntoIterator<Item = &'t String>,
    ) -> Option<BoolNode> {
        let codes = texts.into_iter().map(|text| code::of(text));
        let mut codes = codes.collect::<Option<Vec<_>>>()?;
        codes.sort_unstable();
        Some(BoolNode::InCodes(self.coded(operand), codes))
    }
}

impl Share for BoolNode {
    fn seen(sharing: &mut Sharing) -> (&mut Seen<Self>, &mut usize) {
        (&mut sharing.bools, &mut sharing.slots.logics)
    }

    fn from_shared(shared: Shared<Self>) -> Self {
        Self::Shared(shared)
    }

    fn is_leaf(&self) -> bool {
        matches!(self, Self::Const(_) | Self::Column(_) | Self::Shared(_))
    }

    fn rewrite(&self, to: &mut Rewriter<'_>) -> Self {
        use Comparison::{Equal, NotEqual};
        match self {
            Self::Const(_) | Self::InCodes(..) | Self::Shared(_) => self.clone(),
            Self::Column(slot) => Self::Column(to.slot(*slot)),
            Self::Not(operand) => Self::Not(to.boxed(&**operand)),
            Self::All(operands) => Self::All(to.nodes(operands)),
            Self::Any(operands) => Self::Any(to.nodes(operands)),
            Self::Known(operand) => Self::Known(Box::new(match &**operand {
                AnyNode::Bool(node) => AnyNode::Bool(to.node(node)),
                AnyNode::Int(node) => AnyNode::Int(to.node(node)),
                AnyNode::Float(node) => AnyNode::Float(to.node(node)),
                AnyNode::Text(node) => AnyNode::Text(to.text(node)),
            })),
            Self::Is(operand, value) => Self::Is(to.boxed(&**operand), *value),
            Self::CompareInt(op, l, r) => Self::CompareInt(*op, to.node(l), to.node(r)),
            Self::CompareFloat(op, l, r) => Self::CompareFloat(*op, to.node(l), to.node(r)),
            Self::CompareMixed(op, l, r) => Self::CompareMixed(*op, to.node(l), to.node(r)),
            Self::CompareText(op, l, r) => {
                if let (Equal | NotEqual, TextNode::Const(Some(constant))) = (op, r)
                    && let Some(equal) = to.in_codes(l, [constant])
                {
                    return match op {
                        NotEqual => Self::Not(Box::new(equal)),
                        _ => equal,
                    };
                }
                Self::CompareText(*op, to.text(l), to.text(r))
            }
            Self::EqualBool(l, r) => Self::EqualBool(to.boxed(&**l), to.boxed(&**r)),
            Self::InInt(operand, values) => Self::InInt(to.node(operand), values.clone()),
            Self::InFloat(operand, values) => Self::InFloat(to.node(operand), values.clone()),
            Self::InText(operand, values) => match to.in_codes(operand, values) {
                Some(node) => node,
                None => Self::InText(to.text(operand), values.clone()),
            },
            Self::Like(operand, pattern) => Self::Like(to.text(operand), pattern.clone()),
            Self::TestTexts(test, l, r) => Self::TestTexts(*test, to.text(l), to.text(r)),
            Self::Case(choice) => Self::Case(to.choice(choice, Rewriter::node)),
            Self::Coalesce(operands) => Self::Coalesce(to.nodes(operands)),
        }
    }
}

impl Share for IntNode {
    fn seen(sharing: &mut Sharing) -> (&mut Seen<Self>, &mut usize) {
        (&mut sharing.ints, &mut sharing.slots.ints)
    }

    fn from_shared(shared: Shared<Self>) -> Self {
        Self::Shared(shared)
    }

    fn is_leaf(&self) -> bool {
        matches!(
            self,
            Self::Const(_) | Self::Column(_) | Self::TimeColumn(_) | Self::Shared(_)
        )
    }

    fn rewrite(&self, to: &mut Rewriter<'_>) -> Self {
        match self {
            Self::Const(_) | Self::Shared(_) => self.clone(),
            Self::Column(slot) => Self::Column(to.slot(*slot)),
            Self::TimeColumn(slot) => Self::TimeColumn(to.slot(*slot)),
            Self::Negate(operand) => Self::Negate(to.boxed(&**operand)),
            Self::Abs(operand) => Self::Abs(to.boxed(&**operand)),
            Self::Arithmetic(op, l, r) => Self::Arithmetic(*op, to.boxed(&**l), to.boxed(&**r)),
            Self::Length(operand) => Self::Length(Box::new(to.text(operand))),
            Self::Hex(operand) => Self::Hex(Box::new(to.text(operand))),
            Self::Clock(part, time, offset) => {
                Self::Clock(*part, to.boxed(&**time), to.boxed(&**offset))
            }
            Self::Case(choice) => Self::Case(to.choice(choice, Rewriter::node)),
            Self::Coalesce(items) => Self::Coalesce(to.nodes(items)),
            Self::Greatest(items) => Self::Greatest(to.nodes(items)),
            Self::Least(items) => Self::Least(to.nodes(items)),
        }
    }
}

impl Share for FloatNode {
    fn seen(sharing: &mut Sharing) -> (&mut Seen<Self>, &mut usize) {
        (&mut sharing.floats, &mut sharing.slots.floats)
    }

    fn from_shared(shared: Shared<Self>) -> Self {
        Self::Shared(shared)
    }

    fn is_leaf(&self) -> bool {
        matches!(self, Self::Const(_) | Self::Column(_) | Self::Shared(_))
    }

    fn rewrite(&self, to: &mut Rewriter<'_>) -> Self {
        match self {
            Self::Const(_) | Self::Shared(_) => self.clone(),
            Self::Column(slot) => Self::Column(to.slot(*slot)),
            Self::FromInt(operand) => Self::FromInt(to.boxed(&**operand)),
            Self::FromBool(operand) => Self::FromBool(to.boxed(&**operand)),
            Self::Negate(operand) => Self::Negate(to.boxed(&**operand)),
            Self::Abs(operand) => Self::Abs(to.boxed(&**operand)),
            Self::Ln(operand) => Self::Ln(to.boxed(&**operand)),
            Self::Floor(operand) => Self::Floor(to.boxed(&**operand)),
            Self::Round(operand) => Self::Round(to.boxed(&**operand)),
            Self::HaversineKm(places) => {
                let [a, b, c, d] = &**places;
                let places = [to.node(a), to.node(b), to.node(c), to.node(d)];
                Self::HaversineKm(Box::new(places))
            }
            Self::Arithmetic(op, l, r) => Self::Arithmetic(*op, to.boxed(&**l), to.boxed(&**r)),
            Self::Case(choice) => Self::Case(to.choice(choice, Rewriter::node)),
            Self::Coalesce(items) => Self::Coalesce(to.nodes(items)),
            Self::Greatest(items) => Self::Greatest(to.nodes(items)),
            Self::Least(items) => Self::Least(to.nodes(items)),
        }
    }
}
