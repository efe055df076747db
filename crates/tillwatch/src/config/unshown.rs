//! Errors of a parser without the line that they are about: there may be a password in it.

use std::ops::Range;

/// What serde says before a value that has the wrong type or is not allowed.
const BEFORE_VALUES: [&str; 2] = ["invalid type: ", "invalid value: "];
/// What follows the value.
const AFTER_VALUE: &str = ", expected ";

/// What is wrong with `text`, and where: line and column, and neither the line nor a value.
pub fn reason(error: &toml::de::Error, text: &str) -> String {
    match error.span() {
        Some(span) => format!(
            "{}: {}",
            place(text, &span),
            without_values(error.message())
        ),
        // The parser names the table in a line of its own where it knows no place.
        None => {
            let words = error.to_string();
            let table = words.lines().find(|line| line.starts_with("in `"));
            let table = table.map_or_else(String::new, |table| format!("{table}: "));
            format!("{table}{}", without_values(error.message()))
        }
    }
}

/// The beginning of `span` in `text`, counted as editors do.
fn place(text: &str, span: &Range<usize>) -> String {
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    let column = before[line_start..].chars().count() + 1;
    format!("line {line}, column {column}")
}

/// `message` with the kind of a wrong value in place of the value.
fn without_values(message: &str) -> String {
    for before in BEFORE_VALUES {
        let Some((head, tail)) = message.split_once(before) else {
            continue;
        };
        let Some((value, expected)) = tail.rsplit_once(AFTER_VALUE) else {
            continue;
        };
        let kind = value
            .split(['"', '`'])
            .next()
            .unwrap_or_default()
            .trim_end();
        return format!("{head}{before}{kind}{AFTER_VALUE}{expected}");
    }
    message.to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn syntax(text: &str) -> String {
        let error = text.parse::<toml::Table>().unwrap_err();
        reason(&error, text)
    }

    #[test]
    fn a_broken_line_is_named_and_not_shown() {
        for text in [
            "[kafka]\n\"sasl.password\" = hunter2\n",
            "[kafka]\n\"sasl.password\" = \"hunter2\n",
            "[kafka]\n\"sasl.password\" = 'hunter2'' # x\n",
            "[kafka]\n\"sasl.password\" \"hunter2\"\n",
            "[kafka]\n\"ssl.key.pem\" = \"\"\"\nhunter2\n",
        ] {
            let said = syntax(text);
            assert!(said.starts_with("line "), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
        assert!(
            syntax("[kafka]\n\"sasl.password\" = hunter2\n").starts_with("line 2, column 19: ")
        );
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_by_its_kind() {
        let told = without_values("invalid type: string \"a, expected b\", expected a map");
        assert_eq!(told, "invalid type: string, expected a map");
        let told = without_values("invalid value: integer `-5`, expected usize");
        assert_eq!(told, "invalid value: integer, expected usize");
        assert_eq!(
            without_values("unknown field `x`, expected `y`"),
            "unknown field `x`, expected `y`"
        );
    }

    #[test]
    fn without_a_place_the_table_is_named() {
        let table: toml::Table = "[a]\nb = 'hunter2'\n".parse().unwrap();
        let read = table.try_into::<BTreeMap<String, BTreeMap<String, u8>>>();
        assert_eq!(
            reason(&read.unwrap_err(), ""),
            "in `a.b`: invalid type: string, expected u8"
        );
    }

    #[test]
    fn columns_count_characters() {
        let text = "a = 'ä' x\n";
        assert_eq!(place(text, &(9..10)), "line 1, column 9");
        assert_eq!(place(text, &(11..11)), "line 2, column 1");
    }
}
