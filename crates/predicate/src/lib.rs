//! SQL predicates and expressions over Arrow columns: parsed once, checked against a [`Scope`],
//! compiled to a tree of typed operations that is walked once per block of 64 rows. A
//! [`PredicateSet`] walks many of them together and does what they have in common once.
//!
//! # Language
//! `AND`, `OR`, `NOT`; `= <> < <= > >=`, `IS [NOT] DISTINCT FROM`; `[NOT] IN`, `[NOT] BETWEEN`,
//! `[NOT] LIKE … [ESCAPE …]` on text; `IS [NOT] NULL | TRUE | FALSE | UNKNOWN`; `+ - * / %` and
//! unary minus; integers, decimals, `'text'`, `TIMESTAMP '…'`, `TRUE`, `FALSE`, `NULL`; `CASE`;
//! the functions below.
//!
//! | function | gives |
//! |---|---|
//! | `abs(number)`, `floor(number)`, `round(number)` | the same type; `round` takes halves away from zero |
//! | `ln(number)` | natural logarithm; NULL of what is not positive |
//! | `greatest(…)`, `least(…)` | the extreme of the known arguments |
//! | `coalesce(…)` | the first known argument |
//! | `haversine_km(lat1, lon1, lat2, lon2)` | great-circle distance in km of two places in degrees, on a sphere of 6371.0088 km |
//! | `epoch_ms(time)` | integer of milliseconds since 1970 |
//! | `hour(time [, offset])`, `minute(time [, offset])` | of the clock `offset` minutes ahead of UTC (UTC without), 0 to 23 and 0 to 59 |
//! | `weekday(time [, offset])` | Monday 0 to Sunday 6, likewise |
//! | `left(text, n)`, `right(text, n)` | the first or last `n` characters; none when `n` is not positive |
//! | `substr(text, from [, n])` | `n` characters from the one at `from`, counted from 1 |
//! | `length(text)` | number of characters |
//! | `upper(text)` | upper case |
//! | `hex(text)` | integer of hexadecimal digits, without prefix; NULL when it is anything else or beyond 63 bits |
//! | `contains_item(list, item)` | whether `item` is one of a list's items, which are separated by `;`; blanks around items do not count, an empty item is in no list |
//! | `version_before(a, b)` | whether version `a` precedes `b`: parts between dots, numeric ones compared as numbers and before all others, others as text; a missing part is 0 |
//!
//! `&` is the bitwise and of integers; it binds weaker than `+` and stronger than comparisons, so
//! that `flags & 4 = 4` means `(flags & 4) = 4`.
//!
//! # Semantics
//! - Three-valued logic inside; at the end of a [`Predicate`] NULL is false.
//! - Integers are exact: what overflows 64 bits is NULL. `/` is always division of doubles, because
//!   a ratio of two counters is what people write it for; `/ 0` and `% 0` are NULL.
//! - An integer is compared with a double by their exact values, never by rounding the integer.
//!   Where both meet in `+ - * %`, `CASE`, `coalesce`, `greatest` or `least`, the integer is
//!   converted to the nearest double.
//! - NaN is no value: in a column and as a result it is NULL. So comparisons have a total order,
//!   with −0 = +0. Every result is the same bit for bit on every machine.
//! - A function of a NULL is NULL. But `greatest` and `least` leave NULLs aside and are NULL only
//!   when every argument is, as in PostgreSQL.
//! - Text is compared by bytes.
//! - A time minus a time is an integer of milliseconds; a time plus or minus an integer of
//!   milliseconds is a time. A text literal that meets a time is read as RFC 3339.
//!
//! Nothing here does I/O, reads a clock or panics on any input text.

mod canonical;
mod compile;
mod compiler;
mod error;
mod eval;
mod expression;
mod forms;
mod functions;
mod like;
mod limits;
mod literal;
mod node;
mod operand;
mod parse;
mod scalar;
mod scope;
mod set;
#[cfg(test)]
mod tests;
mod values;

pub use crate::error::PredicateError;
pub use crate::expression::{Expression, Predicate};
pub use crate::limits::{NESTING_MAX, OPERATORS_MAX, TEXT_BYTES_MAX};
pub use crate::scalar::haversine_km;
pub use crate::scope::Scope;
pub use crate::set::{Evaluated, PredicateSet};
