//! Just enough of PromQL to say which metrics a query selects.

/// A metric that a query selects.
#[derive(Debug, PartialEq, Eq)]
pub struct Selector {
    pub metric: String,
    /// Labels, and each value that a matcher names: `flag=~"LATE|DUPLICATE"` names two.
    pub matchers: Vec<(String, Vec<String>)>,
}

/// The metrics of this program, and of processes at large, that a text names outside of quotes.
pub fn selectors(text: &str) -> Vec<Selector> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '"') {
        rest = &rest[at..];
        if let Some(quoted) = rest.strip_prefix('"') {
            rest = quoted.split_once('"').map_or("", |(_, after)| after);
            continue;
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let (name, after) = rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
        rest = after;
        let prefixes = ["tillwatch_", "tillwatch:", "process_"];
        let is_metric = prefixes.iter().any(|prefix| name.starts_with(prefix));
        // A prefix alone is a word of prose.
        if is_metric && !name.ends_with(['_', ':']) {
            let matchers = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
            found.push(Selector {
                metric: name.to_owned(),
                matchers: matchers.map_or_else(Vec::new, |(inside, _)| read_matchers(inside)),
            });
        }
    }
    found
}

fn read_matchers(inside: &str) -> Vec<(String, Vec<String>)> {
    let matchers = inside.split(',').filter(|matcher| !matcher.is_empty());
    matchers
        .map(|matcher| {
            let (label, value) = matcher.split_once('"').unwrap_or((matcher, ""));
            let values = value.trim_end_matches('"').split('|');
            // A pattern or a variable of the board names no value.
            let values = values.filter(|value| !value.contains(['*', '$']));
            let label = label.trim_end_matches(['=', '!', '~']).trim();
            (label.to_owned(), values.map(str::to_owned).collect())
        })
        .collect()
}

#[test]
fn a_query_is_taken_apart() {
    let query = "sum by (job) (rate(tillwatch_a_total{job=~\"tillwatch.*\",flag=~\"X|Y\",z!=\"w\"}[5m])) \
                 > process_b and up{job=\"tillwatch_c\"} or tillwatch:d:e5m";
    let selector = |metric: &str, matchers: &[(&str, &[&str])]| Selector {
        metric: metric.to_owned(),
        matchers: matchers
            .iter()
            .map(|(label, values)| {
                let values = values.iter().map(|value| (*value).to_owned());
                ((*label).to_owned(), values.collect())
            })
            .collect(),
    };
    let matchers: &[(&str, &[&str])] = &[("job", &[]), ("flag", &["X", "Y"]), ("z", &["w"])];
    assert_eq!(
        selectors(query),
        [
            selector("tillwatch_a_total", matchers),
            selector("process_b", &[]),
            selector("tillwatch:d:e5m", &[]),
        ]
    );
}
