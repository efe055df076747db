//! Families of samples, as `prometheus_client` wants them written.

use std::fmt::Result;

use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use tillwatch_records::TopicPartition;

use crate::serve::histogram::Snapshot;

/// A partition as label values.
pub struct Place {
    topic: String,
    partition: String,
}

impl Place {
    pub fn of(source: &TopicPartition) -> Self {
        Self {
            topic: source.topic.to_string(),
            partition: source.partition.to_string(),
        }
    }

    pub fn labels(&self) -> [(&'static str, &str); 2] {
        [("topic", &self.topic), ("partition", &self.partition)]
    }
}

/// Encodes families of samples.
pub struct Scrape<'a>(pub DescriptorEncoder<'a>);

impl Scrape<'_> {
    pub fn family<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        unit: Option<&'s Unit>,
        kind: MetricType,
    ) -> std::result::Result<MetricEncoder<'s>, std::fmt::Error> {
        self.0.encode_descriptor(name, help, unit, kind)
    }

    pub fn counter(&mut self, name: &str, help: &str, value: u64) -> Result {
        let mut family = self.family(name, help, None, MetricType::Counter)?;
        family.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    pub fn counters<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (L, u64)>,
    ) -> Result {
        let mut family = self.family(name, help, None, MetricType::Counter)?;
        for (labels, value) in samples {
            family
                .encode_family(&labels)?
                .encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }

    pub fn gauge(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: f64) -> Result {
        self.family(name, help, unit, MetricType::Gauge)?
            .encode_gauge(&value)
    }

    /// A gauge without a sample where there is no value.
    pub fn optional(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: Option<f64>,
    ) -> Result {
        let mut family = self.family(name, help, unit, MetricType::Gauge)?;
        value.map_or(Ok(()), |value| family.encode_gauge(&value))
    }

    pub fn gauges<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        samples: impl IntoIterator<Item = (L, f64)>,
    ) -> Result {
        let mut family = self.family(name, help, unit, MetricType::Gauge)?;
        for (labels, value) in samples {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }
}

/// 1 or 0.
pub fn truth(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

/// Appends a histogram to its family.
pub fn encode_histogram(family: &mut MetricEncoder<'_>, snapshot: &Snapshot) -> Result {
    family.encode_histogram::<NoLabelSet>(snapshot.sum_s, snapshot.count, &snapshot.buckets, None)
}
