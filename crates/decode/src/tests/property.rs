//! Arbitrary bytes, and records that serde reads as well.

use proptest::prelude::*;
use tillwatch_records::FieldCounts;
use tillwatch_records::card_number::is_issued;

use super::*;

/// JSON-like bytes: whole records, records with one edit, and noise.
pub(crate) fn payload() -> impl Strategy<Value = Vec<u8>> {
    let whole = with(r#""card":{"token":"t\u00e9","a":[1.5e-3,null]},"lat":"1.5","stan":"7""#);
    let edited = {
        let whole = whole.clone();
        let pieces = prop::sample::select(vec![
            "\"",
            "\\",
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "0",
            "-",
            "e",
            ".",
            "\\u12",
            "\\ud83d",
            "é",
            "true",
            "null",
            " ",
            "\u{1}",
            "4111111111111111",
        ]);
        (any::<prop::sample::Index>(), 0_usize..4, pieces).prop_map(move |(at, cut, piece)| {
            let mut bytes = whole.clone().into_bytes();
            let at = at.index(bytes.len());
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, piece.bytes());
            bytes
        })
    };
    prop_oneof![
        3 => Just(whole.into_bytes()),
        6 => edited,
        1 => prop::collection::vec(any::<u8>(), 0..64),
        1 => "[\\[\\]{}:,\"\\\\a-c0-9.eE+ -]{0,40}".prop_map(String::into_bytes),
    ]
}

const MAPPED: &str = "fields.card_token = \"card.token\"";

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(7),
        ..ProptestConfig::with_cases(256)
    })]

    #[test]
    fn a_bad_record_is_refused_alone(payloads in prop::collection::vec(payload(), 0..12)) {
        let mut decoder = decoder(MAPPED, all_columns());
        let together = decoder.decode(&batch(&payloads));
        let refused: Vec<usize> = together.refusals.iter().map(|refusal| refusal.index).collect();
        prop_assert_eq!(together.events.len() + refused.len(), payloads.len());
        prop_assert_eq!(together.events.columns.num_rows(), together.events.len());
        // Each alone, by a decoder that has seen nothing, gives the same row or the same refusal.
        let mut row = 0;
        let mut invalid = FieldCounts::default();
        for (index, payload) in payloads.iter().enumerate() {
            let alone = decode(MAPPED, &[payload]);
            if let Some(position) = refused.iter().position(|found| *found == index) {
                prop_assert!(alone.events.is_empty(), "{:?}", together.refusals);
                prop_assert_eq!(&alone.refusals[0].reason, &together.refusals[position].reason);
                prop_assert_eq!(&alone.refusals[0].detail, &together.refusals[position].detail);
            } else {
                prop_assert_eq!(together.events.offsets[row], index as i64);
                prop_assert_eq!(&alone.events.columns, &together.events.columns.slice(row, 1));
                let marks = together.events.marks.get(row).copied().unwrap_or_default();
                prop_assert_eq!(alone.events.marks.first().copied().unwrap_or_default(), marks);
                invalid += &alone.invalid_fields;
                row += 1;
            }
        }
        prop_assert_eq!(&invalid, &together.invalid_fields);
        // And the good ones decode as if the others had never been there.
        let good: Vec<&Vec<u8>> = (0..payloads.len())
            .filter(|index| !refused.contains(index))
            .map(|index| &payloads[index])
            .collect();
        prop_assert_eq!(decoder.decode(&batch(&good)).events.columns, together.events.columns);
    }

    #[test]
    fn reads_what_serde_json_reads(text in "\\PC{0,20}", number in any::<i64>()) {
        let member = serde_json::json!({ "rrn": text, "atc": number }).to_string();
        let events = decode("", &[with(&member[1..member.len() - 1])]).events;
        let read = events.text(Column::Rrn).unwrap();
        // Whatever it is that is around a text and means nothing.
        let bare = tillwatch_records::blanks::trimmed(text.as_bytes());
        prop_assert_eq!(read.iter().next().flatten().unwrap_or_default().as_bytes(), bare);
        let atc = events.column(Column::Atc).unwrap().as_primitive::<Int64Type>();
        let is_card_number = number > 0 && is_issued(number.to_string().as_bytes());
        let read = atc.is_valid(0).then(|| atc.value(0));
        prop_assert_eq!(read, (!is_card_number).then_some(number));
    }
}
