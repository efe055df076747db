//! Watching the file.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::file::{Look, ReferenceFile};
use crate::watch::{Prepared, Watch};

/// Looks at the file every `interval` until dropped, and tells `listener` what it found. A file
/// that cannot be used is told in the log, and the table before it stays active.
pub fn watch(
    file: Arc<ReferenceFile>,
    interval: Duration,
    listener: impl Fn(&Look) + Send + 'static,
) -> io::Result<Watch> {
    let mut last = None;
    Prepared::new().start("reference", Some(interval), move |_| {
        let look = file.look(&mut last);
        listener(&look);
        report(&file, &look);
    })
}

fn report(file: &ReferenceFile, look: &Look) {
    match look {
        Look::Same => {}
        Look::Taken(table) => {
            tracing::info!(
                path = %file.settings().path.display(),
                rows = table.len(),
                version = table.version(),
                "reference table reloaded; every lane joins it to its next batch"
            );
        }
        Look::Refused(error) => {
            tracing::error!(
                %error,
                version = file.current().version(),
                "new reference table refused; the one before stays active"
            );
        }
    }
}
