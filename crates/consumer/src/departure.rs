//! How partitions leave, in which order.

use std::sync::Arc;

use crate::host::LaneHost;
use crate::inlet::Inlet;

/// Gives `inlets` up in order: closed → leaving → drained → last call → last commit → revoked. `drain`
/// waits until what was taken is settled, for as long as it may; `commit` commits what is; `forget` takes
/// the partition out of everything that knows it.
pub(crate) fn release(
    inlets: &[Arc<Inlet>],
    host: &dyn LaneHost,
    drain: impl FnOnce(),
    commit: impl FnOnce(),
    mut forget: impl FnMut(&Arc<Inlet>),
) {
    inlets.iter().for_each(|inlet| inlet.close());
    host.leaving(inlets);
    drain();
    inlets.iter().for_each(|inlet| host.last_call(inlet));
    let unsettled = inlets.iter().filter(|inlet| !inlet.is_settled()).count();
    if unsettled > 0 {
        tracing::warn!(
            unsettled,
            "partitions leave with outputs under way: their records are read again"
        );
    }
    commit();
    for inlet in inlets {
        forget(inlet);
        host.revoked(inlet);
    }
}

/// Lets `inlets` go that were taken from us: another member may read them already, so nothing is waited
/// for and nothing committed.
pub(crate) fn lose(
    inlets: &[Arc<Inlet>],
    host: &dyn LaneHost,
    abandon: impl FnOnce(),
    mut forget: impl FnMut(&Arc<Inlet>),
) {
    inlets.iter().for_each(|inlet| inlet.close());
    abandon();
    for inlet in inlets {
        forget(inlet);
        host.lost(inlet);
    }
}
