//! Development only: simulates whole sites, deterministically.
//!
//! Instances, their consumer group, the broker, the state store and the clock are in memory, and one thread
//! decides by a seed what happens next: records come, a lane takes a batch or lets a slice of its cut leave,
//! a chunk is written, a commit is refused, an instance dies, lanes move, the store loses an object. Lanes,
//! inlets, ledgers and snapshots are the product's own; what the binary does on threads (when a lane is cut,
//! how one is brought back) is done here by the same rules, a step at a time.
//!
//! After each step: what is said of a record is what a lane says that nothing ever interrupts; nothing is
//! committed of which readers have seen nothing; a snapshot is what the records before its position make.
//! At the end, when all faults are over: something was said of every record, and, where outputs are stored in
//! transactions, once.
//!
//! A run is a function of its seed. One that fails says how to run it again, and is shortened.

mod apply;
mod bring;
mod coordinator;
mod cutter;
mod dice;
mod group;
mod host;
mod instance;
mod mutant;
mod objects;
mod oracle;
mod place;
mod run;
mod setting;
mod shrink;
mod slot;
mod step;
mod told;
mod traffic;
mod violation;
mod world;

pub use mutant::Mutant;
pub use run::{Failure, Simulator, Summary, steps_of};
pub use violation::Violation;
