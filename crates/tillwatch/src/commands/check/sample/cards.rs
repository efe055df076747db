//! Whether texts of a sample are card numbers. Of a column of card numbers nearly all values are in the
//! ranges of the card schemes and have the right check digit; of other numbers as long, at most one in ten.

use serde_json::Value;
use tillwatch_decode::{DecodeSettings, FieldOrigin, OwnColumnSettings, OwnColumnType, field_path};
use tillwatch_records::card_number::{DIGITS, find, is_issued, whole_digits};
use tillwatch_records::column::ColumnType;
use tillwatch_records::{Column, RawRecord};

use crate::commands::check::report::Finding;

/// Every place of a record that a column of text is read from, with what was found there.
pub struct Cards {
    places: Vec<(Place, Found)>,
}

struct Place {
    /// In words.
    name: String,
    origin: Origin,
}

enum Origin {
    /// The names that lead to it.
    Field(Vec<String>),
    Header(String),
    Key,
}

/// How many values there were.
#[derive(Debug, Default, Clone, Copy)]
struct Found {
    texts: u64,
    /// Those that are numbers of as many digits as a card number has.
    numbers: u64,
    /// Those of them that pass for card numbers.
    issued: u64,
    /// Those that are no such number, and have a card number in them.
    holding: u64,
}

impl Cards {
    /// Nothing found yet, in the places where `settings` read texts from.
    pub fn new(settings: &DecodeSettings) -> Self {
        let canonical = Column::ALL
            .iter()
            .filter(|column| column.kind() == ColumnType::Text);
        let canonical = canonical.filter_map(|column| {
            let origin = match settings.fields.get(column.name()) {
                Some(FieldOrigin::Header(origin)) => Origin::Header(origin.header.clone()),
                _ => Origin::Field(field_path(settings, *column)?),
            };
            Some((column.name(), origin))
        });
        let own = settings.columns.iter();
        // The key is looked at in any case.
        let is_of_record = |own: &OwnColumnSettings| own.kafka.is_none();
        let own = own.filter(|(_, own)| own.kind == OwnColumnType::Text && is_of_record(own));
        let own = own.filter_map(|(name, own)| {
            let origin = match &own.header {
                Some(header) => Origin::Header(header.clone()),
                None => Origin::Field(names(own.field.as_ref().unwrap_or(name))?),
            };
            Some((name.as_str(), origin))
        });
        let columns = canonical.chain(own).map(|(column, origin)| {
            let name = format!("column {column}");
            Place { name, origin }
        });
        let key = Place {
            name: "the kafka key".to_owned(),
            origin: Origin::Key,
        };
        Self {
            places: columns
                .chain([key])
                .map(|place| (place, Found::default()))
                .collect(),
        }
    }

    /// Looks at a record, whose payload is `json` where it can be read.
    pub fn take(&mut self, record: &RawRecord<'_>, json: Option<&Value>) {
        for (place, found) in &mut self.places {
            match &place.origin {
                Origin::Key => found.take_some(record.key),
                Origin::Header(name) => {
                    // As decode reads it: the last one of the name.
                    let named = record.headers().filter(|(found, _)| found == name);
                    found.take_some(named.last().and_then(|(_, value)| value));
                }
                Origin::Field(path) => {
                    let value = json.and_then(|json| at(json, path));
                    match value {
                        Some(Value::String(text)) => found.take(text.as_bytes()),
                        Some(Value::Number(number)) => found.take(number.to_string().as_bytes()),
                        _ => {}
                    }
                }
            }
        }
    }

    /// What is to be told.
    pub fn findings(&self) -> impl Iterator<Item = Finding> {
        let places = self.places.iter();
        places.filter_map(|(place, found)| found.finding(&place.name))
    }
}

impl Found {
    fn take_some(&mut self, text: Option<&[u8]>) {
        if let Some(text) = text {
            self.take(text);
        }
    }

    fn take(&mut self, text: &[u8]) {
        self.texts += 1;
        let digits = whole_digits(text).filter(|digits| DIGITS.contains(&digits.len()));
        match digits {
            Some(digits) => {
                self.numbers += 1;
                self.issued += u64::from(is_issued(&digits));
            }
            None => self.holding += u64::from(find(text, 0).is_some()),
        }
    }

    fn finding(&self, name: &str) -> Option<Finding> {
        let Self {
            texts,
            numbers,
            issued,
            holding,
        } = *self;
        let remedy = "map a token, or name the field in [decode.tokenise]";
        let numbers_of = format!(
            "{name}: {numbers} of {texts} values have 13 to 19 digits, {issued} of these in the range and \
             with the check digit of a card number"
        );
        if numbers > 0 && 2 * issued >= numbers {
            return Some(Finding::Notice(format!(
                "{numbers_of}: they are card numbers; {remedy}"
            )));
        }
        if holding > 0 {
            return Some(Finding::Notice(format!(
                "{name}: {holding} of {texts} values have what looks like a card number in them; {remedy}"
            )));
        }
        let no_cards = "no card numbers, most likely; where that is sure, [decode] no_card_numbers_in keeps \
                        them";
        (numbers > 0).then(|| Finding::Fine(format!("{numbers_of}: {no_cards}")))
    }
}

/// The names in the path to a column of the site's own, which are separated as in that to a canonical one.
fn names(path: &str) -> Option<Vec<String>> {
    let mut settings = DecodeSettings::default();
    let column = Column::EventId;
    let origin = FieldOrigin::Path(path.to_owned());
    settings.fields.insert(column.name().to_owned(), origin);
    field_path(&settings, column)
}

fn at<'j>(json: &'j Value, path: &[String]) -> Option<&'j Value> {
    path.iter().try_fold(json, |value, name| value.get(name))
}

#[cfg(test)]
mod tests {
    use tillwatch_records::{RawBatch, TopicPartition};

    use super::*;

    const CARDS: [&str; 4] = [
        "4111111111111111",
        "5555 5555 5555 4444",
        "378282246310005",
        "6011111111111117",
    ];

    fn finding(texts: impl IntoIterator<Item = String>) -> Option<Finding> {
        let mut found = Found::default();
        texts
            .into_iter()
            .for_each(|text| found.take(text.as_bytes()));
        found.finding("column x")
    }

    /// What is told, which is a notice or not.
    fn told(texts: impl IntoIterator<Item = String>) -> (bool, String) {
        match finding(texts) {
            Some(Finding::Notice(words)) => (true, words),
            Some(Finding::Fine(words)) => (false, words),
            other => (false, format!("{other:?}")),
        }
    }

    #[test]
    fn a_column_of_card_numbers_is_told_from_one_of_other_numbers() {
        let cards = CARDS.map(str::to_owned);
        let (is_notice, words) = told(cards);
        assert!(is_notice && words.contains("4 of 4 values"), "{words}");
        assert!(words.contains("they are card numbers"), "{words}");
        // In the ranges of schemes: one in ten has the check digit.
        let ids = (0..500).map(|n| format!("4{:015}", n * 7_919));
        let (is_notice, words) = told(ids);
        assert!(!is_notice && words.contains("500 of 500 values"), "{words}");
        assert!(words.contains("45 of these"), "{words}");
        let tokens = (0..500).map(|n| format!("{:032x}", n * 7_919_u128));
        assert_eq!(finding(tokens), None);
        let masked = ["411111******1111", "T0001", "", "12345"].map(str::to_owned);
        assert_eq!(finding(masked), None);
    }

    #[test]
    fn a_card_number_within_a_text_is_told() {
        let texts = ["paid with 4111111111111111, thanks", "cash"].map(str::to_owned);
        let (is_notice, words) = told(texts);
        assert!(is_notice && words.contains("1 of 2 values"), "{words}");
    }

    #[test]
    fn every_place_of_texts_is_looked_at() {
        let settings: DecodeSettings = toml::from_str(
            "[fields]\nmerchant_id = \"shop.id\"\nrrn = { header = \"h\" }\n[columns]\n\
             a = { type = \"text\", field = \"x.y\" }\nb = { type = \"text\", header = \"h\" }\n\
             c = { type = \"integer\" }\nd = { type = \"text\" }\n",
        )
        .unwrap();
        let mut cards = Cards::new(&settings);
        let mut batch = RawBatch::new(TopicPartition::new("t", 0));
        let card = "4111111111111111";
        let json = serde_json::json!({
            "shop": {"id": card}, "x": {"y": card}, "d": 4_111_111_111_111_111_u64, "c": card, "other": card
        });
        let header = [("h", Some(card.as_bytes()))];
        batch.push(0, None, Some(card.as_bytes()), None, header);
        cards.take(&batch.get(0), Some(&json));
        let told = cards.findings().map(|finding| match finding {
            Finding::Notice(words) => words.split(':').next().unwrap().to_owned(),
            other => format!("{other:?}"),
        });
        let expected = [
            "column rrn",
            "column merchant_id",
            "column a",
            "column b",
            "column d",
            "the kafka key",
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
}
