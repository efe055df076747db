//! `[decode.tokenise]` and `no_card_numbers_in` with the names resolved.

use std::sync::Arc;

use tillwatch_records::Column;
use tillwatch_records::column::ColumnType;

use super::mapping::{Mapping, column_called, slot_of};
use crate::error::DecodeError;
use crate::path;
use crate::row::{Guard, Origin};
use crate::settings::{DecodeSettings, OwnColumnType, TimeFormat, TimeSettings, TokeniseSettings};
use crate::times::rule;
use crate::tokeniser::Tokeniser;
use crate::tree::{FieldTree, split_path};

/// What the settings say of card numbers.
#[derive(Debug)]
pub(super) struct Cards<'s> {
    /// Where card numbers in clear are, and what makes tokens of them.
    pub(super) tokenised: Option<(Origin, Arc<Tokeniser>)>,
    /// Columns whose long numbers are none, by name.
    unguarded: &'s [String],
}

/// What errors call the field of card numbers.
const FIELD: &str = "decode.tokenise.field";
const UNTIL: &str = "`until` of [decode.tokenise.previous]";

impl<'s> Cards<'s> {
    /// # Errors
    /// Names the first setting that cannot be followed, and what to write instead.
    pub(super) fn new(
        settings: &'s DecodeSettings,
        mapping: &Mapping<'_>,
        tree: &mut FieldTree,
    ) -> Result<Self, DecodeError> {
        check_texts(settings)?;
        let tokenised = settings.tokenise.as_ref();
        let tokenised = tokenised.map(|tokenise| tokenised_by(tokenise, mapping, tree));
        Ok(Self {
            tokenised: tokenised.transpose()?,
            unguarded: &settings.no_card_numbers_in,
        })
    }

    /// Whether `column` is made of card numbers in clear, where there are some: no field is mapped to it.
    pub(super) fn makes(column: Column, mapping: &Mapping<'_>) -> bool {
        let is_made = matches!(column, Column::CardToken | Column::Bin | Column::Last4);
        is_made && !mapping.is_mapped(column)
    }

    /// What is done about a text of the column called `name` that looks like a card number in clear.
    pub(super) fn guard(&self, name: &str, is_of_card: bool) -> Guard {
        if self.unguarded.iter().any(|column| column == name) {
            return Guard::None;
        }
        match is_of_card {
            true => Guard::Refuse,
            false => Guard::Mask,
        }
    }
}

fn tokenised_by(
    tokenise: &TokeniseSettings,
    mapping: &Mapping<'_>,
    tree: &mut FieldTree,
) -> Result<(Origin, Arc<Tokeniser>), DecodeError> {
    if mapping.is_mapped(Column::CardToken) {
        return Err(DecodeError::NotMappable {
            column: Column::CardToken.name().to_owned(),
            problem: "is made by [decode.tokenise] and mapped to a field too; keep one of them",
        });
    }
    // It may have a name that nothing else is read from.
    let steps = split_path(&tokenise.field)
        .map_err(|problem| path::bad(FIELD, &tokenise.field, problem))?;
    let slots = tree.slots();
    let slot = slot_of(tree, FIELD, &tokenise.field, &steps)?;
    if usize::from(slot) < slots {
        let problem = "is also mapped to a column, which would show card numbers in clear";
        return Err(path::bad(FIELD, &tokenise.field, problem));
    }
    let mut keys = tokenise.keys.iter();
    let current = keys.next().ok_or(DecodeError::NoCardKey)?.clone();
    let previous = match (&tokenise.previous, keys.next()) {
        (None, _) => None,
        (Some(_), None) => return Err(DecodeError::NoCardKey),
        (Some(previous), Some(key)) => {
            let rfc3339 = rule(UNTIL, &TimeSettings::Format(TimeFormat::Rfc3339))?;
            let until = rfc3339.milliseconds(previous.until.as_bytes(), None);
            let until_ms = until.map_err(|_| DecodeError::BadPreviousKey {
                until: previous.until.clone(),
            })?;
            Some((key.clone(), until_ms))
        }
    };
    let tokeniser = Tokeniser::new(current, previous);
    Ok((Origin::Slot(slot), Arc::new(tokeniser)))
}

/// Refuses a name in `no_card_numbers_in` that is no text column.
fn check_texts(settings: &DecodeSettings) -> Result<(), DecodeError> {
    for name in &settings.no_card_numbers_in {
        let is_text = match settings.columns.get(name) {
            Some(own) => own.kind == OwnColumnType::Text,
            None => column_called(name, settings)?.kind() == ColumnType::Text,
        };
        if !is_text {
            return Err(DecodeError::NotMappable {
                column: name.clone(),
                problem: "is no text column; take it out of `no_card_numbers_in`",
            });
        }
    }
    Ok(())
}
