//! How large the text of a predicate may be.

/// Longest text of one predicate or expression, in bytes. A list of some thousand card or merchant
/// codes fits.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Deepest nesting of parentheses, functions and operators, counting a chain of `AND` or `OR` as one
/// level. Parsing, compiling and evaluating recurse this deep at most, so hostile text cannot exhaust
/// the stack.
pub const NESTING_MAX: usize = 32;

/// Most words and operators of one text, literals and commas aside. Chains such as `a + a + …` build
/// a tree as deep as they are long, so this bounds how deep dropping it recurses.
pub const OPERATORS_MAX: usize = 1024;
