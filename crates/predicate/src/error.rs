//! Why a text is not a predicate.

/// Why a text is not a predicate or expression. Each names the place; a person must change the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PredicateError {
    /// Longer than [`crate::TEXT_BYTES_MAX`].
    #[error("the expression has {bytes} bytes, at most {max} are read; split it")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// More than [`crate::OPERATORS_MAX`] words and operators.
    #[error("the expression has more than {max} words and operators; use IN lists or split it")]
    TooManyOperators {
        /// The limit.
        max: usize,
    },
    /// Nested deeper than [`crate::NESTING_MAX`].
    #[error("the expression is nested more than {max} deep; flatten it")]
    TooDeep {
        /// The limit.
        max: usize,
    },
    /// Not SQL.
    #[error("cannot read `{text}`: {message}")]
    Syntax {
        /// What the parser says, with the position.
        message: String,
        /// The expression, shortened.
        text: String,
    },
    /// A name that is no column.
    #[error("unknown column `{name}` at character {position}{hint}")]
    UnknownColumn {
        /// As written.
        name: String,
        /// Where it stands, counting characters from 1.
        position: u64,
        /// The nearest known name, in words.
        hint: String,
    },
    /// A column of a type that expressions cannot read.
    #[error(
        "column `{name}` at character {position} has type {data_type}, which expressions cannot read"
    )]
    ColumnType {
        /// The column.
        name: String,
        /// Its Arrow type.
        data_type: String,
        /// Where it stands.
        position: u64,
    },
    /// A function that does not exist.
    #[error("unknown function `{name}` at character {position}{hint}; known are {known}")]
    UnknownFunction {
        /// As written.
        name: String,
        /// Where it stands.
        position: u64,
        /// The nearest known name, in words.
        hint: String,
        /// Every known one.
        known: String,
    },
    /// Operands whose types do not fit.
    #[error("{operation} cannot take {operands} at character {position}, in `{text}`{advice}")]
    Mismatch {
        /// The operator or function.
        operation: String,
        /// The operands with their types.
        operands: String,
        /// Where it stands.
        position: u64,
        /// The part of the expression, shortened.
        text: String,
        /// What to do, or nothing.
        advice: &'static str,
    },
    /// A function with the wrong number of arguments.
    #[error("`{name}` at character {position} takes {wanted}, got {found}")]
    Arguments {
        /// The function.
        name: String,
        /// How many it takes.
        wanted: &'static str,
        /// How many were given.
        found: usize,
        /// Where it stands.
        position: u64,
    },
    /// A literal that cannot be read.
    #[error("`{text}` at character {position} is not {wanted}")]
    Literal {
        /// As written.
        text: String,
        /// What it should be.
        wanted: &'static str,
        /// Where it stands.
        position: u64,
    },
    /// SQL that is not part of the language.
    #[error("`{text}` at character {position} is not supported{advice}")]
    Unsupported {
        /// The part, shortened.
        text: String,
        /// Where it stands.
        position: u64,
        /// What to use instead, or nothing.
        advice: &'static str,
    },
    /// A predicate whose result is not true or false.
    #[error("`{text}` gives {found}, not true or false; compare it with something")]
    NotBoolean {
        /// The type of its result.
        found: &'static str,
        /// The expression, shortened.
        text: String,
    },
    /// An expression whose result is not a number.
    #[error("`{text}` gives {found}, not a number")]
    NotNumeric {
        /// The type of its result.
        found: &'static str,
        /// The expression, shortened.
        text: String,
    },
}

/// Longest part of an expression that an error repeats, in characters.
const EXCERPT_CHARS_MAX: usize = 80;

/// `text`, shortened for a message.
pub(crate) fn excerpt(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(EXCERPT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// `; did you mean …?`, or nothing when no known name is near.
pub(crate) fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(given, name), name))
        .filter(|(similarity, _)| *similarity >= 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"))
}
