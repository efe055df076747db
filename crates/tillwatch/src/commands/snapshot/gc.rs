//! `tillwatch snapshot gc`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use tillwatch_state_store::Collected;

use super::lanes::Lanes;
use crate::cli::snapshot::GcArgs;

/// What no snapshot names is left alone for so long: an upload may be under way.
const GRACE: Duration = Duration::from_secs(3600);

/// Deletes what no snapshot names. Snapshots themselves stay: what the group has committed, and so which
/// of them are needed, is known to `run` alone.
pub fn gc(args: &GcArgs) -> Result<ExitCode> {
    let lanes = Lanes::open(&args.lanes)?;
    let mut all = Collected::default();
    for (_, store) in lanes.each() {
        let collected = store.collect(GRACE, |_| false)?;
        all.manifests += collected.manifests;
        all.objects += collected.objects;
        all.bytes += collected.bytes;
    }
    println!(
        "{} lanes: {} snapshots, {} other objects and {} bytes deleted",
        lanes.ids.len(),
        all.manifests,
        all.objects,
        all.bytes
    );
    Ok(ExitCode::SUCCESS)
}
