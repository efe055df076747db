//! Watching the file.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::{Look, Reference};
use crate::serve::metrics::Metrics;
use crate::watch::{Prepared, Watch};

/// Looks at the file every `interval` until dropped. A file that cannot be used is told in the log, and
/// what was in force before stays.
pub fn watch(
    reference: Arc<Reference>,
    interval: Duration,
    metrics: Arc<Metrics>,
) -> io::Result<Watch> {
    let mut last = None;
    Prepared::new().start("registry", Some(interval), move |_| {
        report(&reference, reference.look(&mut last), &metrics);
    })
}

fn report(reference: &Reference, look: Look, metrics: &Metrics) {
    match look {
        Look::Same => {}
        Look::Taken(table) => {
            metrics.registry_taken(&table);
            tracing::info!(
                path = %reference.settings().path.display(),
                rows = table.len(),
                version = table.version(),
                "registry reloaded; every lane joins it to its next batch"
            );
        }
        Look::Refused(error) => {
            metrics.registry_refused();
            tracing::error!(
                %error,
                version = reference.current().version(),
                "new registry refused; the one before stays in force"
            );
        }
    }
}
