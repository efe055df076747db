//! State that survives: snapshots of lanes in a directory or an object store.
//!
//! ```text
//!  lane ─ Entries, in chunks ─▶ LaneWriter ─▶ runs/   sorted, compressed, checked frame by frame
//!       ─ Parts ──────────────▶            ─▶ parts/  small, whole at every cut
//!                                          ─▶ cuts/   the manifest, last: names the others
//!  lane ◀─ every key once, newest ─ LaneStore::entries ◀─ runs of one manifest, merged
//! ```
//!
//! `docs/rfc/0005-state.md` says what a cut is and when it may be used. This crate does not know what
//! entries and parts mean. Calls wait for the store: they are made beside the lanes and the poll
//! thread.

#[cfg(feature = "cloud")]
mod cloud;
mod collect;
mod damaged;
mod error;
mod failure;
mod files;
mod frame;
mod io;
mod lane;
mod lane_id;
mod levels;
mod manifest;
mod merge;
mod open;
mod read;
mod run;
mod store;
mod upload;
mod usable;
mod writer;

pub use collect::Collected;
pub use error::StoreError;
pub use failure::without_secrets;
pub use lane::{Found, LaneStore, Read, Verified};
pub use lane_id::LaneId;
pub use manifest::{CutHead, Manifest, SourceMark};
pub use run::Run;
pub use store::StateStore;
pub use usable::{Refused, Why};
pub use writer::{Cleaning, LaneWriter, Merged, Merging};

/// The library whose stores are used, for those who bring one of their own.
pub use object_store;

#[cfg(test)]
mod tests;
