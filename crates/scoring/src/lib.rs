//! FeatureBatch to ScoreBatch: models, decisions, reasons, alerts
