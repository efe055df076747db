//! The lane: what one partition owns, from records to scores.
//!
//! An [`Assembly`] is made once of texts and bytes: catalogs, the files of models, a table of
//! reference data. It makes a [`Lane`] for each partition. [`Lane::process`] takes a batch, raw or
//! decoded, and gives its scores: the one way through, for topics, files and simulations alike.
//! [`SharedModels`] holds the models that score; others take their place between two batches of a
//! lane.
//!
//! Nothing here opens a file or a socket, reads a clock or the environment, starts a thread or draws a random
//! number. What needs one of these is passed in: an [`Observer`] of a lane's steps, an [`Audit`] of what
//! scores, the pause of a [`Trial`].

mod active;
mod assembly;
mod audit;
mod chain;
mod cut;
mod edited;
mod joiner;
mod lane;
mod lineup_name;
mod memory;
mod merge_order;
mod observer;
mod recent_rows;
mod reference;
mod restore_error;
mod snapshot;
#[cfg(test)]
mod tests;
mod trial;
mod workspace;

pub use active::{ActiveModels, SharedModels};
pub use assembly::{
    Assembly, AssemblyError, Carried, CatalogText, LineupFiles, ModelOrigin, Parts, Plans,
    ReferenceData, StagePlan, StageText, names_reference,
};
pub use audit::Audit;
pub use chain::ChainError;
pub use edited::EditedStage;
pub use lane::{BatchStart, Input, Lane, LaneError, Processed};
pub use lineup_name::{ChallengerName, LineupName};
pub use memory::{LANE_BYTES, LaneMemory};
pub use observer::{Observer, Step};
pub use reference::SharedReference;
pub use restore_error::RestoreError;
pub use snapshot::{Restored, holds_learners, is_other_catalog};
pub use trial::{OldAndNew, Other, Role, Said, Trial};
pub use workspace::Workspace;
