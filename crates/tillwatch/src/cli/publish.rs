//! Arguments of `tillwatch publish`.

use clap::Args;
use tillwatch_records::units::DurationMs;

use super::shared::{ConfigArgs, InputArgs, RecordTimestamp};

#[derive(Debug, Args)]
pub struct PublishArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub input: InputArgs,
    /// Topic; the first of `consumer.topics` when absent
    #[arg(long, value_name = "NAME")]
    pub topic: Option<String>,
    /// Records per second; flat out when absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Stage whose key the records get, where the configuration has several; the first when absent
    #[arg(long, value_name = "NAME")]
    pub stage: Option<String>,
    /// Column that says whether a row is fraud (0/1 or true/false, as a number, a truth value or a text);
    /// each row is followed by a label record; `[labels] column` when absent
    #[arg(long, value_name = "COLUMN")]
    pub label_column: Option<String>,
    /// Event time from a transaction to its label record; `[labels] delay` when absent
    #[arg(long, value_name = "DURATION")]
    pub label_delay: Option<DurationMs>,
    /// Record timestamp: when the transaction happened, or when it is sent
    #[arg(long, value_enum, default_value_t = RecordTimestamp::Event)]
    pub timestamp: RecordTimestamp,
}
