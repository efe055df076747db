//! [`Metrics`] as Prometheus reads them.

mod flow;
mod input;
mod kept;
mod models;
mod output;
mod process;
mod scrape;
mod state;

use std::fmt::{self, Result};
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use self::scrape::Scrape;
use super::counts::Metrics;
use crate::serve::health::Health;

/// Serves [`Metrics`] and what is known of input and output to a scrape.
pub struct Exporter {
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

impl Exporter {
    pub fn new(metrics: Arc<Metrics>, health: Arc<Health>) -> Self {
        Self { metrics, health }
    }
}

impl Collector for Exporter {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result {
        let mut scrape = Scrape(encoder);
        let stats = self.health.monitor().stats();
        flow::encode(&mut scrape, &self.metrics)?;
        state::encode(&mut scrape, &self.metrics, &stats.partitions)?;
        kept::encode(&mut scrape, &self.metrics, &self.health.standings().all())?;
        input::encode(&mut scrape, &stats)?;
        output::encode(&mut scrape, &self.health.outputs())?;
        models::encode(&mut scrape, &self.metrics)?;
        process::encode(&mut scrape, &self.metrics, &self.health)
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
