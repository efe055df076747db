//! Records into the state of their keys, and features out of it.

mod admit;
mod extremes;
mod learn;
mod read;
mod record;
mod scratch;
mod taken;
mod view;

pub(crate) use record::{Admission, Around, Record};
pub(crate) use scratch::Scratch;
pub(crate) use taken::CHUNK_RECORDS;
