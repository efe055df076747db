//! A format that is no text: typed values one after the other, which a schema names. It goes through the same
//! conversion and refusals as JSON does.

use std::marker::PhantomData;

use super::*;
use crate::Wanted;
use crate::format::rows::{BatchReader, Encoding, Format, FormatKind, Made, Reader, Rows};
use crate::format::{FORMATS, named};
use crate::refusal::{Cause, Fault};
use crate::token::{Coding, Fields, Span, Token, Verbatim};
use crate::tree::{FieldTree, Target};

/// Values are a tag and what it says; texts and bytes have their length in two bytes before them.
mod tag {
    pub(super) const NULL: u8 = 0;
    pub(super) const BOOLEAN: u8 = 1;
    pub(super) const INTEGER: u8 = 2;
    pub(super) const FLOAT: u8 = 3;
    pub(super) const TIME_MS: u8 = 4;
    pub(super) const TEXT: u8 = 5;
    pub(super) const BYTES: u8 = 6;
    pub(super) const LIST: u8 = 7;
}

const CUT_SHORT: RefusalReason = RefusalReason::new(&Cause {
    code: "cut_short",
    meaning: "Ends within a value.",
});

const PACKED: FormatKind = FormatKind {
    name: "packed",
    reasons: &[CUT_SHORT],
    make: make::<Verbatim>,
};

/// The same, but it promises of its texts what it does not look at.
const CARELESS: FormatKind = FormatKind {
    name: "careless",
    make: make::<Unchecked>,
    ..PACKED
};

#[derive(Debug)]
struct Unchecked;

impl Coding for Unchecked {
    const IS_UTF8: bool = true;

    fn decode(_: &[u8], _: &mut Vec<u8>) -> Result<(), Fault> {
        Ok(())
    }
}

/// `schema` is the paths of the fields in their order, separated by commas.
fn make<C: Coding + std::fmt::Debug + Send + Sync + 'static>(
    fields: Arc<FieldTree>,
    encoding: &Encoding<'_>,
) -> Made {
    let slot = |path: &[u8]| {
        let mut names = path.split(|byte| *byte == b'.');
        let first = fields.target(0, names.next().unwrap_or_default());
        let found = names.fold(first, |target, name| match target {
            Target::Node(node) => fields.target(usize::from(node), name),
            _ => Target::Skip,
        });
        match found {
            Target::Leaf(slot) => Some(slot),
            _ => None,
        }
    };
    Ok(Arc::new(Packed::<C> {
        slots: encoding
            .schema
            .split(|byte| *byte == b',')
            .map(slot)
            .collect(),
        tokens: fields.slots(),
        coding: PhantomData,
    }))
}

#[derive(Debug)]
struct Packed<C> {
    /// Of each value of a record, where it is mapped.
    slots: Vec<Option<u16>>,
    tokens: usize,
    coding: PhantomData<C>,
}

#[derive(Debug)]
struct PackedReader<C> {
    slots: Vec<Option<u16>>,
    tokens: Vec<Token>,
    coding: PhantomData<C>,
}

impl<C: Coding + std::fmt::Debug + Send + Sync + 'static> Format for Packed<C> {
    fn rows(&self) -> Box<dyn BatchReader> {
        Box::new(Rows::new(PackedReader::<C> {
            slots: self.slots.clone(),
            tokens: vec![Token::Absent; self.tokens],
            coding: PhantomData,
        }))
    }
}

impl<C: Coding + std::fmt::Debug + Send> Reader for PackedReader<C> {
    type Coding = C;

    fn read<'a>(&'a mut self, payload: &'a [u8]) -> Result<Fields<'a>, Fault> {
        self.tokens.fill(Token::Absent);
        let mut at = 0;
        for slot in &self.slots {
            if at == payload.len() {
                break;
            }
            let token = token(payload, &mut at).ok_or_else(|| {
                Fault::at_byte(CUT_SHORT, "the payload ends within a value", payload.len())
            })?;
            if let Some(slot) = slot {
                self.tokens[usize::from(*slot)] = token;
            }
        }
        Ok(Fields {
            tokens: &self.tokens,
            bytes: payload,
        })
    }
}

fn token(payload: &[u8], at: &mut usize) -> Option<Token> {
    let mut take = |length: usize| {
        let taken = payload.get(*at..*at + length)?;
        *at += length;
        Some(taken)
    };
    let kind = take(1)?[0];
    let mut number = || Some(u64::from_le_bytes(take(8)?.try_into().ok()?));
    Some(match kind {
        tag::NULL => Token::Null,
        tag::INTEGER => Token::Integer(number()?.cast_signed()),
        tag::FLOAT => Token::Float(f64::from_bits(number()?)),
        tag::TIME_MS => Token::TimeMs(number()?.cast_signed()),
        tag::BOOLEAN => Token::Boolean(take(1)?[0] != 0),
        kind => {
            let length = usize::from(u16::from_le_bytes(take(2)?.try_into().ok()?));
            take(length)?;
            let span = Span::new(*at - length, *at);
            match kind {
                tag::TEXT => Token::Text(span),
                tag::BYTES => Token::Bytes(span),
                _ => Token::Composite,
            }
        }
    })
}

/// A value to be packed.
#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    TimeMs(i64),
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    List,
}

use Value::{Boolean, Bytes, Float, Integer, List, Null, Text, TimeMs};

fn pack(values: &[Value<'_>]) -> Vec<u8> {
    fn long(payload: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
        payload.push(tag);
        payload.extend((bytes.len() as u16).to_le_bytes());
        payload.extend_from_slice(bytes);
    }
    let mut payload = Vec::new();
    for value in values {
        let (tag, number) = match *value {
            Null => {
                payload.push(tag::NULL);
                continue;
            }
            Boolean(value) => {
                payload.extend([tag::BOOLEAN, u8::from(value)]);
                continue;
            }
            Text(text) => {
                long(&mut payload, tag::TEXT, text);
                continue;
            }
            Bytes(bytes) => {
                long(&mut payload, tag::BYTES, bytes);
                continue;
            }
            List => {
                long(&mut payload, tag::LIST, b"..");
                continue;
            }
            Integer(value) => (tag::INTEGER, value.cast_unsigned()),
            Float(value) => (tag::FLOAT, value.to_bits()),
            TimeMs(value) => (tag::TIME_MS, value.cast_unsigned()),
        };
        payload.push(tag);
        payload.extend(number.to_le_bytes());
    }
    payload
}

const SCHEMA: &[u8] =
    b"event_id,event_time,acquirer_id,merchant_id,terminal_id,amount,currency,not_mapped,x.value";

/// The values that every record has, of which the amount is last.
fn head(amount: Value<'static>) -> Vec<Value<'static>> {
    vec![
        Text(b"e1"),
        TimeMs(1_522_540_831_250),
        Text(b"A"),
        Text(b"M"),
        Text(b"T"),
        amount,
        Text(b"EUR"),
        List,
    ]
}

const AMOUNT: &str = "units.amount = \"major\"\nfields.amount_minor = \"amount\"";

/// Decodes packed records whose last value is that of `column`.
fn unpack<B: AsRef<[u8]>>(format: &FormatKind, column: &str, payloads: &[B]) -> Decoded {
    let settings = format!("{STRICT}{AMOUNT}\nfields.{column} = \"x.value\"");
    let settings: DecodeSettings = toml::from_str(&settings).unwrap();
    let projection = Arc::new(all_columns());
    let key = KeySpec::terminal();
    let wanted = Wanted::new(projection, &key);
    let plan = DecodePlan::of_format(format, SCHEMA, &settings, &wanted).unwrap();
    Decoder::new(Arc::new(plan)).decode(&batch(payloads))
}

/// What becomes of `value` in `column`: its text, or the code of the refusal.
fn converted(column: Column, value: Value<'_>) -> Result<Option<String>, String> {
    let mut values: Vec<Value<'_>> = head(Float(57.16));
    values.push(value);
    let decoded = unpack(&PACKED, column.name(), &[pack(&values)]);
    if let Some(refusal) = decoded.refusals.first() {
        assert!(
            refusal
                .detail
                .starts_with(&format!("`{}`: ", column.name()))
        );
        return Err(refusal.reason.code().to_owned());
    }
    let array = decoded.events.column(column).unwrap();
    Ok(array.is_valid(0).then(|| cell(array, 0)))
}

#[test]
fn typed_values_make_the_columns_that_text_makes() {
    let packed = unpack(&PACKED, "stan", &[pack(&head(Float(57.16)))]).events;
    let json = GOOD.replace("\"amount_minor\":5716", "\"amount\":57.16");
    let json = decode(AMOUNT, &[json]).events;
    assert_eq!(packed.columns, json.columns);
    let text = |text: &str| Ok(Some(text.to_owned()));
    for (column, value, expected) in [
        (Column::Stan, Integer(42), text("42")),
        (Column::Stan, Float(42.0), text("42")),
        (Column::Stan, Null, Ok(None)),
        (Column::Lat, Float(-0.1), text("-0.1")),
        (Column::Lat, Integer(52), text("52.0")),
        (Column::MaintenanceStart, TimeMs(1), Ok(None)),
        (Column::Tvr, Bytes(b"\x00\x80\xff\x01"), text("0080FF01")),
        (Column::Rrn, Text("é".as_bytes()), text("é")),
        (Column::Rrn, Integer(-7), text("-7")),
        (Column::Rrn, Boolean(true), text("true")),
        (Column::Rrn, Bytes(b""), Ok(None)),
    ] {
        assert_eq!(converted(column, value), expected, "{column:?} {value:?}");
    }
    let amounts = [
        (Integer(57), 5700),
        (Float(0.29), 29),
        (Text(b"57.16"), 5716),
    ];
    for (amount, minor) in amounts {
        let events = unpack(&PACKED, "stan", &[pack(&head(amount))]).events;
        let column = events.column(Column::AmountMinor).unwrap();
        assert_eq!(column.as_primitive::<Int64Type>().value(0), minor);
    }
}

#[test]
fn what_must_not_be_is_refused_whatever_the_format() {
    for (column, value, expected) in [
        (Column::Stan, Bytes(b"1"), "wrong_type"),
        (Column::Stan, Boolean(true), "wrong_type"),
        (Column::Stan, List, "wrong_type"),
        (Column::Rrn, List, "wrong_type"),
        (Column::Stan, Float(1.5), "bad_number"),
        (Column::Stan, Float(f64::NAN), "bad_number"),
        (Column::Stan, Float(1e300), "number_out_of_range"),
        (Column::Lat, Float(f64::INFINITY), "bad_number"),
        (Column::Rrn, Text(b"\xff"), "invalid_utf8"),
        (
            Column::Rrn,
            Bytes(&[0; TEXT_BYTES_MAX / 2 + 1]),
            "text_too_long",
        ),
        (Column::CardToken, Text(b"4111111111111111"), "pan_in_clear"),
        (
            Column::CardToken,
            Integer(4_111_111_111_111_111),
            "pan_in_clear",
        ),
        // Two digits a byte, and track 2 as chips send it.
        (
            Column::CardToken,
            Bytes(b"\x41\x11\x11\x11\x11\x11\x11\x11"),
            "pan_in_clear",
        ),
        (
            Column::Par,
            Bytes(b"\x41\x11\x11\x11\x11\x11\x11\x11\xd2\x51\x20"),
            "pan_in_clear",
        ),
    ] {
        let found = converted(column, value);
        assert_eq!(found, Err(expected.to_owned()), "{column:?} {value:?}");
    }
    let time = |value| {
        let mut values = head(Float(1.0));
        values[1] = value;
        let refused = unpack(&PACKED, "stan", &[pack(&values)]).refusals;
        refused.first().map(|refusal| refusal.reason.code())
    };
    assert_eq!(time(TimeMs(5)), Some("time_out_of_range"));
    assert_eq!(time(Null), Some("missing_field"));
    assert_eq!(time(Integer(1_522_540_831_250)), None);
}

#[test]
fn a_format_has_causes_of_its_own_and_leaves_the_neighbours_alone() {
    let good = pack(&head(Float(57.16)));
    let cut = good[..good.len() - 1].to_vec();
    let decoded = unpack(&PACKED, "stan", &[&good, &cut, &good]);
    assert_eq!(decoded.events.offsets, [0, 2]);
    assert_eq!(decoded.refusals[0].reason, CUT_SHORT);
    let end = format!("byte {}: the payload ends within a value", cut.len());
    assert_eq!(decoded.refusals[0].detail, end);
    let alone = unpack(&PACKED, "stan", &[&good]).events;
    assert_eq!(decoded.events.columns.slice(1, 1), alone.columns);
}

#[test]
fn a_promise_that_a_format_breaks_costs_rows_and_nothing_else() {
    let mut values = head(Float(57.16));
    values.push(Text(b"\xff"));
    let good = pack(&head(Float(57.16)));
    let payloads = [good.clone(), pack(&values), good[..9].to_vec()];
    let decoded = unpack(&CARELESS, "rrn", &payloads);
    let codes = decoded.refusals.iter().map(|refusal| refusal.reason.code());
    let codes: Vec<_> = codes.collect();
    assert_eq!(codes, ["decoder_defect", "decoder_defect", "cut_short"]);
    assert!(decoded.events.is_empty() && decoded.events.columns.num_rows() == 0);
}

#[test]
fn formats_are_known_by_name_and_their_causes_by_code() {
    let settings = |name: &str| format!("format = {name:?}");
    let unknown = plan_of(&settings("jsn"), all_columns()).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "decode: `jsn` is not a known format; did you mean `json`?; known are json"
    );
    assert!(plan_of(&settings("json"), all_columns()).is_ok());
    assert_eq!(
        named("packed", &[FORMATS[0], PACKED]).unwrap().name,
        "packed"
    );
    let plan = |schema: &[u8]| {
        let (settings, key) = (DecodeSettings::default(), KeySpec::terminal());
        let projection = Arc::new(all_columns());
        let wanted = Wanted::new(projection, &key);
        DecodePlan::of_format(&FORMATS[0], schema, &settings, &wanted)
    };
    assert!(plan(b"").is_ok());
    let taken = plan(b"{}").unwrap_err().to_string();
    assert_eq!(taken, "decode: format `json` takes no schema; remove it");
    let mut codes: Vec<_> = refusal_reasons().map(RefusalReason::code).collect();
    let count = codes.len();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), count);
    assert!(refusal_reasons().all(|reason| reason.meaning().ends_with('.')));
}
