//! ScoreBatch to Kafka, Parquet, JSON lines and stdout, with acknowledgements
