//! Whether something reads columns that only a reference table has.

use tillwatch_predicate::PredicateError;
use tillwatch_reference::PREFIX;
use tillwatch_scoring::ScoringError;

/// Whether a model is refused for a column that only a reference table has.
pub fn names_reference(error: &ScoringError) -> bool {
    match error {
        ScoringError::UnknownInput { input, .. } => input.starts_with(PREFIX),
        ScoringError::Rule { source, .. } => match source.as_ref() {
            PredicateError::UnknownColumn { name, .. } => name.starts_with(PREFIX),
            _ => false,
        },
        ScoringError::Member { source, .. } => names_reference(source),
        _ => false,
    }
}

/// Whether a catalog, which is TOML, has a value with the name of such a column in it.
pub(super) fn mentions_reference(catalog: &str) -> bool {
    let table: Result<toml::Table, _> = catalog.parse();
    table.is_ok_and(|table| table.values().any(value_mentions))
}

fn value_mentions(value: &toml::Value) -> bool {
    match value {
        toml::Value::String(text) => text_mentions(text),
        toml::Value::Array(values) => values.iter().any(value_mentions),
        toml::Value::Table(table) => table.values().any(value_mentions),
        _ => false,
    }
}

fn text_mentions(text: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut words = text.split(|c| !is_part(c));
    words.any(|word| word.starts_with(PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_mentioned_in_a_value_and_not_in_a_comment() {
        let catalog = |line: &str| format!("name = \"c\"\n[[feature]]\nname = \"f\"\n{line}\n");
        for line in [
            "filter = \"amount_minor > registry_floor_limit_minor\"",
            "column = \"registry_model\"",
            "by = [\"registry_mcc\"]",
        ] {
            assert!(mentions_reference(&catalog(line)), "{line}");
        }
        for line in [
            "# registry_model would be better",
            "filter = \"my_registry_model = 1\"",
            "filter = ",
        ] {
            assert!(!mentions_reference(&catalog(line)), "{line}");
        }
    }
}
