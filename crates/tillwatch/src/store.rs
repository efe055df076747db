//! The store of snapshots that a configuration names.

use tillwatch_state_store::{StateStore, StoreError};

use crate::config::{StorePlace, StoreSettings};

/// Opens the store, which makes its directory where that is missing.
pub fn open(settings: &StoreSettings) -> Result<StateStore, StoreError> {
    let place = match &settings.place {
        StorePlace::Directory(directory) => directory.display().to_string(),
        StorePlace::Url(url) => url.clone(),
    };
    StateStore::open(&place, settings.options.0.clone())
}
