//! Arguments of `tillwatch run`.

use clap::Args;

use super::shared::ConfigArgs;

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Stage to run, where the configuration has several: the one that the topics are keyed for
    #[arg(long, value_name = "NAME")]
    pub stage: Option<String>,
}
