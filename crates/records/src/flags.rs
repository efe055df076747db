//! What a reader of a score must know about how it came to be.

use bitflags::bitflags;

bitflags! {
    /// Marks on a score. A score without a mark is reproducible from the log alone.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Flags: u16 {
        /// Older than the key's watermark by more than the allowed lateness: scored, changed no state.
        const LATE = 1;
        /// A record of its key with the same event id and the same content (type, event time, amount,
        /// currency, card) was accepted within the deduplication horizon: scored, changed no state.
        const DUPLICATE = 1 << 1;
        /// Event time ahead of the record's own timestamp by more than allowed: scored, changed no state.
        const CLOCK_SKEW = 1 << 2;
        /// History of the key, or event ids that it had accepted, may have been evicted to keep the budget of
        /// bytes, and a feature may lack some of it.
        const STATE_EVICTED = 1 << 3;
        /// The lane began in the middle of a log, and a feature may lack records from before.
        const WARMING = 1 << 4;
        /// Scored by less than the full model, to keep a deadline.
        const DEGRADED = 1 << 5;
        /// A bounded wait for a quiet input expired, so the order may differ on replay.
        const REORDERED = 1 << 6;
        /// A model that learns from the stream has seen too little of it to be asked.
        const MODEL_WARMING = 1 << 7;
        /// A record of its key with the same event id and another content was accepted within the
        /// deduplication horizon: scored and remembered.
        const ID_REUSED = 1 << 8;
        /// A feature is null because a number on the way to it does not fit: a sum of a window has more than
        /// 64 bits, or a product of such sums more than 128.
        const OVERFLOW = 1 << 9;
        /// An optional field of the record could not be read, and is null: features, rules and models see the
        /// record without it.
        const FIELD_INVALID = 1 << 10;
    }
}

impl Flags {
    /// Whether the record counts for what is remembered: neither late nor a duplicate, nor ahead of time.
    pub fn changes_state(self) -> bool {
        !self.intersects(Self::LATE.union(Self::DUPLICATE).union(Self::CLOCK_SKEW))
    }

    /// Names of the marks that are set, in bit order, as they appear in a score record.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.iter_names().map(|(name, _)| name)
    }
}
