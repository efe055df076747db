//! Dead letters as they are read again: what they say, which of them are done with, and how their records
//! are sent once more.
//!
//! What is done with is noted in the dead-letter topic itself, in the partition of the letters, so that a
//! note goes when its letters are gone, and not before. Offsets of a consumer group would not do: they know
//! no letter that was passed over, and brokers forget them after a week.

mod done;
mod letter;
mod offsets;
mod reader;
mod sender;

pub use done::DoneLetters;
pub use letter::{Entry, Fate, Letter, Place, Reduced};
pub use reader::{Found, LetterReader};
pub use sender::{Header, LetterSender, Outcome, Resent};
