//! SQL predicates and expressions, compiled to column-wise evaluation
