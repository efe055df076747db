//! What a client wants to read, by its `Accept` header (RFC 9110, 12.5.1).

use crate::serve::metrics::Format;

/// The format that suits `accept` best; plain text where both suit alike or nothing is said.
pub fn format(accept: Option<&str>) -> Format {
    let accept = accept.unwrap_or_default();
    let openmetrics = quality(accept, &["application/openmetrics-text"]);
    let text = quality(accept, &["text/plain", "text/*", "*/*"]);
    if openmetrics > 0.0 && openmetrics >= text {
        Format::OpenMetrics
    } else {
        Format::Text
    }
}

/// The highest weight that `accept` gives to one of `kinds`; 0 when it names none.
fn quality(accept: &str, kinds: &[&str]) -> f64 {
    let ranges = accept.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next()?;
        kinds
            .iter()
            .any(|wanted| kind.eq_ignore_ascii_case(wanted))
            .then(|| {
                let weight = parts.find_map(|part| part.strip_prefix("q="));
                // A weight that is no number asks for nothing in particular.
                weight.map_or(1.0, |q| q.parse::<f64>().unwrap_or(0.0))
            })
    });
    ranges.fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmetrics_only_for_who_asks_for_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;\
                          version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let plain_only = "text/plain;version=0.0.4;q=0.3, */*;q=0.1";
        for (accept, expected) in [
            (Some(prometheus), Format::OpenMetrics),
            (Some("application/openmetrics-text"), Format::OpenMetrics),
            (Some(plain_only), Format::Text),
            (Some("*/*"), Format::Text),
            (
                Some("text/html,application/xhtml+xml,*/*;q=0.8"),
                Format::Text,
            ),
            (Some("application/openmetrics-text;q=0"), Format::Text),
            (
                Some("application/openmetrics-text;q=0.1, text/plain"),
                Format::Text,
            ),
            (Some("\u{0};;q=,,;q=nan"), Format::Text),
            (Some(""), Format::Text),
            (None, Format::Text),
        ] {
            assert_eq!(format(accept), expected, "{accept:?}");
        }
    }
}
