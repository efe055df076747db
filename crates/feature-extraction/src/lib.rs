//! EventBatch to FeatureBatch: declared features over exact sliding windows
