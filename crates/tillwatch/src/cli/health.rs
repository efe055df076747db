//! Arguments of `tillwatch health`.

use std::net::SocketAddr;

use clap::Args;
use tillwatch_records::units::DurationMs;

#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Where it listens: `[http] listen` of its configuration, or 127.0.0.1 and the port of that
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:9600")]
    pub address: SocketAddr,
    /// Ask whether it is alive (/healthz), not whether it is ready (/readyz)
    #[arg(long)]
    pub live: bool,
    /// How long to wait for the whole answer
    #[arg(long, value_name = "DURATION", default_value = "3s")]
    pub timeout: DurationMs,
}
