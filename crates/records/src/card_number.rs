//! Card numbers in clear (PANs, ISO/IEC 7812-1): what looks like one, where it stands in a text, and how it
//! is hidden. Nothing here shows one: it gives positions, or text in which its digits are `*`.

mod disguise;
mod issuers;
mod search;
#[cfg(test)]
mod tests;

pub use self::disguise::{is_clear, whole_digits};
pub use self::issuers::{is_issued, passes_luhn};
pub use self::search::{DIGITS, find, find_all, hide_digits, mask, may_hold_one};
