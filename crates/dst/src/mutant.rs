//! Bugs on purpose: a simulation that finds none of them finds nothing.

/// A rule of `docs/rfc/0005-state.md` that is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// Keys that were evicted leave no tombstone.
    SkipTombstones,
    /// The newest snapshot is used although the committed offset has not reached it.
    UseAhead,
    /// A batch counts as delivered before its outputs are.
    SettleEarly,
    /// A lane that was restored goes on at the committed offset, whatever lies between.
    SkipReplay,
    /// A lane that was restored writes its next snapshot as if nothing of it was in the store.
    ForgetBase,
    /// Positions of two sources of a lane are exchanged in its snapshots.
    SwapSources,
    /// A snapshot says where the lane stands when it is whole, not when it was begun.
    LateHead,
    /// A snapshot is begun after the batch that follows its position.
    LateCut,
    /// Entries that the store did not take are dropped.
    DropEntries,
    /// What is replayed is delivered again.
    DeliverReplay,
    /// A lane that was kept goes on though some of its outputs were not delivered.
    KeepUnsettled,
    /// A lane that was kept goes on at the committed offset without what others did meanwhile.
    KeepBehind,
    /// A lane that was kept passes over what others have read of a topic that it has taken nothing of.
    KeepUnread,
    /// Nobody tells a lane that records are missing.
    IgnoreLost,
    /// Offsets and transactions of an instance that was declared dead are taken.
    NoFence,
    /// Outputs that are taken back count as delivered.
    SettleAborted,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::SkipTombstones,
        Self::UseAhead,
        Self::SettleEarly,
        Self::SkipReplay,
        Self::ForgetBase,
        Self::SwapSources,
        Self::LateHead,
        Self::LateCut,
        Self::DropEntries,
        Self::DeliverReplay,
        Self::KeepUnsettled,
        Self::KeepBehind,
        Self::KeepUnread,
        Self::IgnoreLost,
        Self::NoFence,
        Self::SettleAborted,
    ];
}
