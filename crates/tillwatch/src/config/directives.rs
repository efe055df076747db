//! Directives of the log that name nothing would leave it silent.

use tillwatch_records::suggest::did_you_mean;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// What a directive may begin with: our crates, `audit`, and the libraries that log.
const TARGETS: [&str; 23] = [
    "tillwatch",
    "tillwatch_consumer",
    "tillwatch_decode",
    "tillwatch_detectors",
    "tillwatch_engine",
    "tillwatch_feature_extraction",
    "tillwatch_kafka",
    "tillwatch_onnx",
    "tillwatch_predicate",
    "tillwatch_records",
    "tillwatch_reference",
    "tillwatch_scoring",
    "tillwatch_simulator",
    "tillwatch_sink",
    "tillwatch_state_store",
    "tillwatch_trees",
    "audit",
    "hyper",
    "librdkafka",
    "object_store",
    "rdkafka",
    "tokio",
    "tower",
];

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Checks that `directives` can be read and that each names a level, or something that logs.
pub fn check(directives: &str) -> Result<(), String> {
    EnvFilter::try_new(directives).map_err(|error| {
        format!(
            "`{directives}`: {error}; write for example \"info\" or \"warn,tillwatch_sink=debug\""
        )
    })?;
    directives.split(',').try_for_each(check_one)
}

fn check_one(directive: &str) -> Result<(), String> {
    let directive = directive.trim();
    let target = directive
        .split(['=', '['])
        .next()
        .unwrap_or_default()
        .trim();
    let is_level = directive == target && target.parse::<LevelFilter>().is_ok();
    if target.is_empty() || is_level || TARGETS.iter().any(|known| names(target, known)) {
        return Ok(());
    }
    let mut known = TARGETS.to_vec();
    if directive == target {
        known.extend(LEVELS);
    }
    let hint = did_you_mean(target, known);
    Err(format!(
        "`{directive}`: nothing that logs is called `{target}`{hint}"
    ))
}

/// Whether `target` is `known`, a module in it, or the beginning of its name.
fn names(target: &str, known: &str) -> bool {
    known.starts_with(target)
        || target
            .strip_prefix(known)
            .is_some_and(|rest| rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_that_name_something_are_taken() {
        for directives in [
            "info",
            "WARN",
            "off",
            "warn,tillwatch=debug",
            "info,tillwatch_sink::kafka=trace",
            "audit=info,librdkafka=off",
            "tillwatch_sink",
            "info,tillwatch[span{a=1}]=debug",
            "[span]=trace",
            "",
        ] {
            assert_eq!(check(directives), Ok(()), "{directives}");
        }
    }

    #[test]
    fn one_that_names_nothing_is_refused_with_the_nearest() {
        for (directives, words) in [
            ("tillwatch_sinc=debug", "did you mean `tillwatch_sink`?"),
            ("warn,tilwatch=debug", "did you mean `tillwatch`?"),
            ("inf", "did you mean `info`?"),
            ("tillwatch_sink:kafka=debug", "nothing that logs is called"),
            ("info,tillwatch=loud", "loud"),
        ] {
            let said = check(directives).unwrap_err();
            assert!(said.contains(words), "{said}");
        }
    }

    #[test]
    fn every_crate_of_ours_is_known() {
        let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
        for entry in std::fs::read_dir(crates).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            // Programs and libraries of their own, which the scorer does not contain.
            if ["dst", "lab", "testkit", "tillwatch"].contains(&name.as_str()) {
                continue;
            }
            let target = format!("tillwatch_{}", name.replace('-', "_"));
            assert!(TARGETS.contains(&target.as_str()), "{target}");
        }
    }
}
