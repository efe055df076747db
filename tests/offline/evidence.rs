//! The shipped rules on hand-made evidence: a terminal with a history of weeks, then what each rule is
//! there to see.

use std::collections::BTreeSet;

use crate::shipped::Chain;
use crate::{read, root};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A Monday, 00:00 UTC.
const START_MS: i64 = 1_767_571_200_000;

/// Days of history: more than the 90 that a mean is taken over.
const DAYS: i64 = 105;
const SALES_PER_DAY: i64 = 12;

/// One record, as a terminal of an ordinary shop sends it.
#[derive(Clone)]
struct Sale {
    time_ms: i64,
    mti: &'static str,
    stan: i64,
    sequence: i64,
    ksn: i64,
    card: i64,
    bin: i64,
    processing: &'static str,
    amount: i64,
    emv_amount: i64,
    entry: &'static str,
    response: &'static str,
    unpredictable: i64,
    cryptogram: i64,
    tvr: &'static str,
    serial: &'static str,
    version: &'static str,
    lat: f64,
}

impl Sale {
    /// Number `n` of the terminal, at `time_ms`.
    fn new(n: i64, time_ms: i64) -> Self {
        // Amounts around 20.00, as scattered as prices are.
        let amount = 1_203 + n * 7_919 % 1_700;
        Self {
            time_ms,
            mti: "0200",
            stan: n % 1_000_000,
            sequence: n,
            ksn: n,
            card: n,
            bin: 400_000 + n % 97,
            processing: "000000",
            amount,
            emv_amount: amount,
            entry: if n % 3 == 0 { "05" } else { "07" },
            response: "00",
            unpredictable: n,
            cryptogram: n,
            tvr: "0000008000",
            serial: "A1",
            version: "4.2.0",
            lat: 52.37,
        }
    }

    fn json(&self, n: i64) -> String {
        let chip = if ["05", "07"].contains(&self.entry) {
            format!(
                r#","unpredictable_number":"{:08X}","cryptogram_hash":"{:016X}","tvr":"{}","emv_amount_minor":{}"#,
                self.unpredictable, self.cryptogram, self.tvr, self.emv_amount
            )
        } else {
            String::new()
        };
        format!(
            r#"{{"event_id":"e{n}","event_time":{},"acquirer_id":"1","merchant_id":"2","terminal_id":"3","mcc":"5999","acquirer_country":"NL","currency":"EUR","mti":"{}","stan":{},"transaction_sequence":{},"ksn":"FFFF9876{:012X}","card_token":"t{}","bin":"{}","processing_code":"{}","amount_minor":{},"entry_mode":"{}","response_code":"{}","hardware_serial":"{}","app_version":"{}","lat":{},"lon":4.9{chip}}}"#,
            self.time_ms,
            self.mti,
            self.stan,
            self.sequence,
            self.ksn,
            self.card,
            self.bin,
            self.processing,
            self.amount,
            self.entry,
            self.response,
            self.serial,
            self.version,
            self.lat,
        )
    }
}

/// When sale `i` of a day comes: from nine to five, at no fixed intervals.
fn of_day(day: i64, i: i64) -> i64 {
    let minutes = i * 40 + (day * 17 + i * 29) % 37;
    START_MS + day * DAY_MS + 9 * HOUR_MS + minutes * MINUTE_MS
}

fn history() -> impl Iterator<Item = Sale> {
    (0..DAYS * SALES_PER_DAY).map(|n| Sale::new(n, of_day(n / SALES_PER_DAY, n % SALES_PER_DAY)))
}

/// The codes of all reasons that `records` get after the history, which gets none.
fn codes(records: Vec<String>) -> BTreeSet<String> {
    let mut chain = Chain::new();
    let mut past = history().zip(0..).map(|(sale, n)| sale.json(n));
    let quiet = chain.score((DAYS * SALES_PER_DAY) as usize, |json| {
        json.extend(past.next().unwrap_or_default().bytes());
    });
    for row in 0..quiet.len() {
        let reasons = quiet.reasons.row(row);
        assert!(reasons.is_empty(), "an ordinary sale: {reasons:?}");
    }
    let count = records.len();
    let mut records = records.into_iter();
    let scores = chain.score(count, |json| {
        json.extend(records.next().unwrap_or_default().bytes());
    });
    (0..scores.len())
        .flat_map(|row| scores.reasons.row(row))
        .map(|reason| reason.definition.code.clone())
        .collect()
}

/// `count` sales on the day after the history from ten on, `gap_ms` apart, each changed by `change`,
/// which also gets its number from 0.
fn sales(count: i64, gap_ms: i64, change: impl Fn(i64, &mut Sale)) -> Vec<String> {
    let first = DAYS * SALES_PER_DAY;
    let ten_ms = START_MS + DAYS * DAY_MS + 10 * HOUR_MS;
    (0..count)
        .map(|i| {
            // A little off the beat, as people are.
            let off_ms = i * 7_919 % 10 * gap_ms / 12;
            let mut sale = Sale::new(first + i, ten_ms + i * gap_ms + off_ms);
            change(i, &mut sale);
            sale.json(first + i)
        })
        .collect()
}

/// `records` under the event id of the first.
fn under_one_id(mut records: Vec<String>) -> Vec<String> {
    let id_of = |record: &String| record.split('"').nth(3).unwrap_or_default().to_owned();
    let id = records.first().map(id_of).unwrap_or_default();
    for record in &mut records {
        *record = record.replacen(&id_of(record), &id, 1);
    }
    records
}

type Case = (&'static str, Vec<String>);

fn fabricated() -> Vec<Case> {
    vec![
        (
            "CARD_ENUMERATION",
            sales(20, 5_000, |_, sale| {
                (sale.bin, sale.entry, sale.response) = (411_111, "01", "14");
            }),
        ),
        (
            "CRYPTOGRAM_REPLAY",
            sales(5, MINUTE_MS, |_, sale| sale.cryptogram = 7),
        ),
        (
            "STAN_DUPLICATE",
            sales(2, MINUTE_MS, |i, sale| sale.stan -= i),
        ),
        ("STAN_GAP", sales(1, MINUTE_MS, |_, sale| sale.stan += 60)),
        ("ID_REUSED", under_one_id(sales(2, MINUTE_MS, |_, _| {}))),
        (
            "WEAK_UNPREDICTABLE_NUMBER",
            sales(25, MINUTE_MS, |i, sale| sale.unpredictable = i % 4),
        ),
        (
            "EMV_INCONSISTENT",
            sales(2, MINUTE_MS, |_, sale| sale.emv_amount = 1),
        ),
        (
            "MACHINE_CADENCE",
            sales(40, MINUTE_MS, |i, sale| {
                sale.time_ms = START_MS + DAYS * DAY_MS + 10 * HOUR_MS + i * MINUTE_MS;
            }),
        ),
        (
            "ROGUE_VERSION",
            sales(3, MINUTE_MS, |i, sale| {
                sale.version = ["4.2.0", "4.9.9"][(i % 2) as usize];
            }),
        ),
        (
            "UNDER_LIMIT",
            sales(20, MINUTE_MS, |_, sale| sale.amount = 4_990),
        ),
        (
            "ROUND_AMOUNTS",
            sales(9, MINUTE_MS, |i, sale| sale.amount = 10_000 * (1 + i % 2)),
        ),
        (
            "FORCE_POST",
            sales(12, MINUTE_MS, |i, sale| {
                sale.mti = ["0220", "0200"][(i % 2) as usize];
            }),
        ),
    ]
}

fn skimming() -> Vec<Case> {
    let read_errors = || {
        let at_ms = START_MS + DAYS * DAY_MS + 10 * HOUR_MS;
        (0..6).map(move |i| {
            format!(
                r#"{{"type":"terminal_event","event_type":"CARD_READ_ERROR","event_id":"x{i}","event_time":{},"acquirer_id":"1","merchant_id":"2","terminal_id":"3"}}"#,
                at_ms - i
            )
        })
    };
    vec![
        (
            "FALLBACK_RATIO",
            sales(14, MINUTE_MS, |i, sale| {
                if i % 2 == 0 {
                    sale.entry = "80";
                }
            }),
        ),
        (
            "CONTACTLESS_DROP",
            sales(35, MINUTE_MS, |_, sale| sale.entry = "05"),
        ),
        (
            "PIN_BYPASS",
            sales(10, MINUTE_MS, |_, sale| {
                (sale.entry, sale.tvr) = ("05", "0000088000");
            }),
        ),
        (
            "READ_ERRORS",
            read_errors()
                .chain(sales(1, MINUTE_MS, |_, _| {}))
                .collect(),
        ),
    ]
}

fn cloned() -> Vec<Case> {
    let other = |i: i64| i % 4 >= 2;
    vec![
        (
            "SERIAL_CONFLICT",
            sales(6, MINUTE_MS, move |i, sale| {
                if other(i) {
                    sale.serial = "B2";
                }
            }),
        ),
        (
            "KSN_REGRESSION",
            sales(8, MINUTE_MS, move |i, sale| {
                if other(i) {
                    sale.ksn += 700;
                }
            }),
        ),
        (
            "SEQUENCE_FORK",
            sales(12, MINUTE_MS, move |i, sale| {
                if other(i) {
                    sale.sequence += 5_000;
                }
            }),
        ),
        (
            "GEO_SPLIT",
            sales(2, MINUTE_MS, |i, sale| sale.lat += i as f64),
        ),
    ]
}

fn cash_out() -> Vec<Case> {
    vec![
        (
            "CARD_REPEAT",
            sales(3, 20 * MINUTE_MS, |_, sale| {
                (sale.card, sale.amount) = (1, 5_000);
            }),
        ),
        (
            "CASH_MCC",
            sales(2, MINUTE_MS, |_, sale| sale.processing = "010000"),
        ),
        (
            "KEYED_ENTRY",
            sales(5, 20 * MINUTE_MS, |_, sale| sale.entry = "01"),
        ),
        (
            "REFUND_WITHOUT_SALE",
            sales(5, MINUTE_MS, |_, sale| sale.processing = "200000"),
        ),
        (
            "TICKET_OUTLIER",
            sales(1, MINUTE_MS, |_, sale| {
                (sale.amount, sale.entry) = (90_001, "90");
            }),
        ),
        (
            "OFF_HOURS",
            sales(1, MINUTE_MS, |_, sale| {
                sale.time_ms -= 7 * HOUR_MS;
                sale.amount = 9_001;
            }),
        ),
        ("VOLUME_SPIKE", sales(110, 2 * MINUTE_MS, |_, _| {})),
    ]
}

#[test]
fn every_rule_sees_its_evidence_and_none_an_ordinary_day() {
    let cases = [fabricated(), skimming(), cloned(), cash_out()].concat();
    let covered: BTreeSet<String> = cases.iter().map(|(code, _)| (*code).to_owned()).collect();
    let rules: toml::Table = read(&root().join("models/terminal-rules/rules.toml"))
        .parse()
        .expect("rules are TOML");
    let known: BTreeSet<String> = rules["rule"]
        .as_array()
        .expect("a list of rules")
        .iter()
        .filter_map(|rule| Some(rule["code"].as_str()?.to_owned()))
        .collect();
    assert_eq!(covered, known);
    for (code, records) in cases {
        let found = codes(records);
        assert!(found.contains(code), "{code} is not among {found:?}");
    }
}

#[test]
fn a_terminal_that_uses_an_event_id_again_hides_nothing() {
    // A minute each: every transaction has a card, an amount and a time of its own.
    let frauds = [fabricated(), cash_out()].concat();
    for (code, records) in frauds {
        let mut expected = codes(records.clone());
        let found = codes(under_one_id(records));
        // What counts how often a message comes is about the message, and so is this.
        expected.insert("ID_REUSED".to_owned());
        assert!(found.is_subset(&expected), "{code}: {found:?}");
        assert!(found.contains(code), "{code} is not among {found:?}");
    }
}

#[test]
fn a_message_that_is_sent_again_counts_once() {
    let once = sales(3, MINUTE_MS, |_, _| {});
    let thrice = once.iter().flat_map(|record| [record; 3]).cloned();
    let found = codes(thrice.collect());
    assert!(found.is_empty(), "{found:?}");
    // A reversal may have the id of what it reverses.
    let reversed = sales(2, MINUTE_MS, |i, sale| {
        if i == 1 {
            (sale.mti, sale.stan) = ("0400", sale.stan + 1);
        }
    });
    let found = codes(under_one_id(reversed));
    assert!(!found.contains("ID_REUSED"), "{found:?}");
}

#[test]
fn another_ordinary_day_says_nothing() {
    let found = codes(sales(SALES_PER_DAY, 40 * MINUTE_MS, |_, _| {}));
    assert!(found.is_empty(), "{found:?}");
}
