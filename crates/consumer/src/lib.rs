//! Kafka to RawBatch: poll loop, rebalance, commit
