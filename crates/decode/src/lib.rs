//! RawBatch to EventBatch: JSON decoding with typed refusals
