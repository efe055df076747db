//! Metrics written out in the formats that scrapers ask for.

use std::fmt;

use prometheus_client::registry::Registry;

/// How metrics are written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' text format 0.0.4, which everything reads.
    Text,
}

impl Format {
    pub const ALL: [Self; 2] = [Self::OpenMetrics, Self::Text];

    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Everything of `registry` in `format`.
pub fn encode(registry: &Registry, format: Format) -> Result<String, fmt::Error> {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry)?;
    Ok(match format {
        Format::OpenMetrics => text,
        Format::Text => as_text(&text),
    })
}

/// The older format names a counter's family like its samples, with `_total`, and has neither units nor an
/// end mark. The samples are the same.
fn as_text(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    // A family's help comes before its type, which says how it is named.
    let mut help = None;
    for line in openmetrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '))
        {
            let suffix = if kind == "counter" { "_total" } else { "" };
            if let Some((_, words)) = help.take() {
                text.push_str(&format!("# HELP {name}{suffix} {words}\n"));
            }
            text.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
        } else if !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_format_names_counters_like_their_samples() {
        let openmetrics = "\
# HELP scores Scores made.
# TYPE scores counter
scores_total{band=\"approve\"} 3
# HELP age_seconds Age.
# TYPE age_seconds gauge
# UNIT age_seconds seconds
age_seconds 1.5
# EOF
";
        let expected = "\
# HELP scores_total Scores made.
# TYPE scores_total counter
scores_total{band=\"approve\"} 3
# HELP age_seconds Age.
# TYPE age_seconds gauge
age_seconds 1.5
";
        assert_eq!(as_text(openmetrics), expected);
    }
}
