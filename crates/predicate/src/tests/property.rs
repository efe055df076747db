//! Random expressions over random rows, against an evaluator that works on one row at a time and
//! shares nothing with the product but the language.

use std::cmp::Ordering;

use super::*;

/// One row; names are those of the columns.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    pub(super) i: Option<i64>,
    pub(super) j: Option<i64>,
    pub(super) f: Option<f64>,
    pub(super) g: Option<f64>,
    pub(super) s: Option<String>,
    pub(super) b: Option<bool>,
    pub(super) t: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
}

pub(super) type Naive<T> = Box<dyn Fn(&Row) -> Option<T>>;

/// SplitMix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(super) fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }
}

const INTS: [i64; 10] = [
    0,
    1,
    -1,
    2,
    7,
    100,
    9_007_199_254_740_993,
    i64::MAX,
    i64::MIN,
    -3,
];
const FLOATS: [f64; 12] = [
    0.0,
    -0.0,
    0.5,
    -1.5,
    1.0,
    2.0,
    7.0,
    9_007_199_254_740_992.0,
    9_223_372_036_854_775_808.0,
    f64::INFINITY,
    f64::NAN,
    1e-300,
];
const TEXTS: [&str; 14] = [
    "", "a", "ab", "é%b", "aab", "60_1", "ba", "aé", "Ff", "1.2", "1.10", "1.2.0", " a ; b",
    "b;;aé",
];
const TIMES: [i64; 6] = [
    0,
    -1,
    1_767_225_600_000,
    1_795_391_999_999,
    i64::MAX,
    -86_400_001,
];

pub(super) fn row(random: &mut Random) -> Row {
    let some = |random: &mut Random| random.below(5) > 0;
    Row {
        i: some(random).then(|| random.pick(&INTS)),
        j: some(random).then(|| random.pick(&INTS)),
        f: some(random).then(|| random.pick(&FLOATS)),
        g: some(random).then(|| random.pick(&FLOATS)),
        s: some(random).then(|| random.pick(&TEXTS).to_owned()),
        b: some(random).then(|| random.below(2) == 0),
        t: some(random).then(|| random.pick(&TIMES)),
    }
}

fn float(value: f64) -> Option<Number> {
    (!value.is_nan()).then_some(Number::Float(value))
}

fn as_float(number: Number) -> f64 {
    match number {
        Number::Int(int) => int as f64,
        Number::Float(float) => float,
    }
}

fn order(l: Number, r: Number) -> Ordering {
    match (l, r) {
        (Number::Int(l), Number::Int(r)) => l.cmp(&r),
        (Number::Float(l), Number::Float(r)) => l.partial_cmp(&r).unwrap(),
        (Number::Float(_), Number::Int(_)) => order(r, l).reverse(),
        (Number::Int(l), Number::Float(r)) => {
            if r.abs() > 1e30 {
                return if r > 0.0 {
                    Ordering::Less
                } else {
                    Ordering::Greater
                };
            }
            // Twice the values in 128 bits: exact for the halves that occur here.
            match (2 * i128::from(l)).cmp(&((2.0 * r).floor() as i128)) {
                Ordering::Equal if 2.0 * r > (2.0 * r).floor() => Ordering::Less,
                other => other,
            }
        }
    }
}

fn arithmetic(op: &str, l: Number, r: Number) -> Option<Number> {
    if let (Number::Int(l), Number::Int(r)) = (l, r)
        && op != "/"
    {
        let exact = match op {
            "+" => i128::from(l) + i128::from(r),
            "-" => i128::from(l) - i128::from(r),
            "*" => i128::from(l) * i128::from(r),
            _ if r == 0 => return None,
            _ => i128::from(l) % i128::from(r),
        };
        return i64::try_from(exact).ok().map(Number::Int);
    }
    let (l, r) = (as_float(l), as_float(r));
    match op {
        "+" => float(l + r),
        "-" => float(l - r),
        "*" => float(l * r),
        _ if r == 0.0 => None,
        "/" => float(l / r),
        _ => float(l % r),
    }
}

/// A numeric expression and whether its type is double.
pub(super) fn number(random: &mut Random, depth: usize) -> (String, bool, Naive<Number>) {
    if depth == 0 || random.below(4) == 0 {
        return leaf_number(random);
    }
    match random.below(8) {
        0..=2 => {
            let op = random.pick(&["+", "-", "*", "/", "%"]);
            let (l, l_float, l_eval) = number(random, depth - 1);
            let (r, r_float, r_eval) = number(random, depth - 1);
            let eval = move |row: &Row| arithmetic(op, l_eval(row)?, r_eval(row)?);
            let is_float = l_float || r_float || op == "/";
            (format!("({l} {op} {r})"), is_float, Box::new(eval))
        }
        3 => {
            let (sql, is_float, eval) = number(random, depth - 1);
            let negated = move |row: &Row| match eval(row)? {
                Number::Int(int) => int.checked_neg().map(Number::Int),
                Number::Float(value) => Some(Number::Float(-value)),
            };
            (format!("(- {sql})"), is_float, Box::new(negated))
        }
        4 => {
            let (l, l_float, l_eval) = number(random, depth - 1);
            let (r, r_float, r_eval) = number(random, depth - 1);
            let (condition, c_eval) = boolean(random, depth - 1);
            let is_float = l_float || r_float;
            let eval = move |row: &Row| {
                let chosen = if c_eval(row) == Some(true) {
                    l_eval(row)
                } else {
                    r_eval(row)
                }?;
                Some(if is_float {
                    Number::Float(as_float(chosen))
                } else {
                    chosen
                })
            };
            (
                format!("CASE WHEN {condition} THEN {l} ELSE {r} END"),
                is_float,
                Box::new(eval),
            )
        }
        5 => whole_number(random, depth),
        6 => rounded(random, depth),
        _ => many_numbers(random, depth),
    }
}

/// `&`, parts of a time and hexadecimal digits.
fn whole_number(random: &mut Random, depth: usize) -> (String, bool, Naive<Number>) {
    match random.below(3) {
        0 => {
            let (l, r) = (random.pick(&["i", "j"]), random.pick(&INTS));
            let eval = move |row: &Row| {
                let value = if l == "i" { row.i } else { row.j };
                value.map(|value| Number::Int(value & r))
            };
            (format!("({l} & {r})"), false, Box::new(eval))
        }
        1 => {
            let (name, offset) = (
                random.pick(&["hour", "minute", "weekday"]),
                random.pick(&[0, 60, -330, 780]),
            );
            let eval = move |row: &Row| {
                let local = i128::from(row.t?) + i128::from(offset) * 60_000;
                i64::try_from(local).ok()?;
                let minutes = local.div_euclid(60_000);
                let value = match name {
                    "minute" => minutes.rem_euclid(60),
                    "hour" => minutes.div_euclid(60).rem_euclid(24),
                    // 1969-12-29 was a Monday.
                    _ => (minutes + 3 * 1440).div_euclid(1440).rem_euclid(7),
                };
                Some(Number::Int(value as i64))
            };
            let sql = match offset {
                0 => format!("{name}(t)"),
                _ => format!("{name}(t, {offset})"),
            };
            (sql, false, Box::new(eval))
        }
        _ => {
            let (sql, eval) = text(random, depth - 1);
            let hex = move |row: &Row| {
                let text = eval(row)?;
                let digits = text.chars().all(|c| c.is_ascii_hexdigit());
                let value = i64::from_str_radix(&text, 16).ok();
                value.filter(|_| digits).map(Number::Int)
            };
            (format!("hex({sql})"), false, Box::new(hex))
        }
    }
}

fn rounded(random: &mut Random, depth: usize) -> (String, bool, Naive<Number>) {
    let (sql, is_float, eval) = number(random, depth - 1);
    let down = random.below(2) == 0;
    let rounded = move |row: &Row| match eval(row)? {
        Number::Float(value) if down => Some(Number::Float(value - value.rem_euclid(1.0)))
            .filter(|_| value.is_finite() && value.abs() < 4e15)
            .or(Some(Number::Float(value.floor()))),
        Number::Float(value) => Some(Number::Float((value.abs() + 0.5).floor().copysign(value)))
            .filter(|_| value.abs() < 4e15)
            .or(Some(Number::Float(value))),
        int => Some(int),
    };
    let name = if down { "floor" } else { "round" };
    (format!("{name}({sql})"), is_float, Box::new(rounded))
}

fn leaf_number(random: &mut Random) -> (String, bool, Naive<Number>) {
    match random.below(6) {
        0 => ("i".into(), false, Box::new(|row| row.i.map(Number::Int))),
        1 => ("j".into(), false, Box::new(|row| row.j.map(Number::Int))),
        2 => ("f".into(), true, Box::new(|row| row.f.and_then(float))),
        3 => ("g".into(), true, Box::new(|row| row.g.and_then(float))),
        4 => {
            let int = random.pick(&INTS);
            (
                format!("{int}"),
                false,
                Box::new(move |_| Some(Number::Int(int))),
            )
        }
        _ => {
            let value = random.pick(&[0.0, 0.5, 1.0, 2.0, 1e300, 9_007_199_254_740_992.0]);
            (
                format!("{value:?}"),
                true,
                Box::new(move |_| Some(Number::Float(value))),
            )
        }
    }
}

fn many_numbers(random: &mut Random, depth: usize) -> (String, bool, Naive<Number>) {
    let name = random.pick(&["coalesce", "greatest", "least"]);
    let parts: Vec<_> = (0..1 + random.below(3))
        .map(|_| number(random, depth - 1))
        .collect();
    let is_float = parts.iter().any(|part| part.1);
    let sql: Vec<String> = parts.iter().map(|part| part.0.clone()).collect();
    let eval = move |row: &Row| {
        let known = parts
            .iter()
            .filter_map(|part| (part.2)(row))
            .map(|value| match is_float {
                true => Number::Float(as_float(value)),
                false => value,
            });
        known.reduce(|best, next| match (name, order(next, best)) {
            ("greatest", Ordering::Greater) | ("least", Ordering::Less) => next,
            _ => best,
        })
    };
    (
        format!("{name}({})", sql.join(", ")),
        is_float,
        Box::new(eval),
    )
}

fn text(random: &mut Random, depth: usize) -> (String, Naive<String>) {
    match random.below(if depth == 0 { 2 } else { 6 }) {
        0 => ("s".into(), Box::new(|row| row.s.clone())),
        1 => {
            let value = random.pick(&TEXTS).to_owned();
            (format!("'{value}'"), Box::new(move |_| Some(value.clone())))
        }
        2 => {
            let (sql, eval) = text(random, depth - 1);
            let (from, length) = (random.below(4) as i64 - 1, random.below(3) as i64);
            let cut = move |row: &Row| {
                let value = eval(row)?;
                let kept = (1..).zip(value.chars());
                Some(
                    kept.filter(|(at, _)| *at >= from && *at < from + length)
                        .map(|(_, c)| c)
                        .collect(),
                )
            };
            (format!("substr({sql}, {from}, {length})"), Box::new(cut))
        }
        3 => {
            let (sql, eval) = text(random, depth - 1);
            let upper = move |row: &Row| eval(row).map(|text| text.to_uppercase());
            (format!("upper({sql})"), Box::new(upper))
        }
        4 => {
            let (sql, eval) = text(random, depth - 1);
            let count = random.below(4);
            let last = move |row: &Row| {
                let value = eval(row)?;
                let skipped = value.chars().count().saturating_sub(count);
                Some(value.chars().skip(skipped).collect())
            };
            (format!("right({sql}, {count})"), Box::new(last))
        }
        _ => {
            let ((l, l_eval), (r, r_eval)) = (text(random, depth - 1), text(random, depth - 1));
            let eval = move |row: &Row| l_eval(row).or_else(|| r_eval(row));
            (format!("coalesce({l}, {r})"), Box::new(eval))
        }
    }
}

fn like(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('%', rest)) => (0..=text.len()).any(|skip| like(rest, &text[skip..])),
        Some(('_', rest)) => !text.is_empty() && like(rest, &text[1..]),
        Some((c, rest)) => text.first() == Some(c) && like(rest, &text[1..]),
    }
}

fn holds(op: &str, order: Ordering) -> bool {
    match op {
        "=" => order.is_eq(),
        "<>" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }
}

const COMPARISONS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];

fn and(l: Option<bool>, r: Option<bool>) -> Option<bool> {
    match (l, r) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn not(value: Option<bool>) -> Option<bool> {
    value.map(|value| !value)
}

pub(super) fn boolean(random: &mut Random, depth: usize) -> (String, Naive<bool>) {
    if depth == 0 {
        return ("b".into(), Box::new(|row| row.b));
    }
    match random.below(9) {
        0 | 1 => {
            let ((l, l_eval), (r, r_eval)) =
                (boolean(random, depth - 1), boolean(random, depth - 1));
            if random.below(2) == 0 {
                (
                    format!("({l} AND {r})"),
                    Box::new(move |row| and(l_eval(row), r_eval(row))),
                )
            } else {
                let eval = move |row: &Row| not(and(not(l_eval(row)), not(r_eval(row))));
                (format!("({l} OR {r})"), Box::new(eval))
            }
        }
        2 => {
            let (sql, eval) = boolean(random, depth - 1);
            (format!("(NOT {sql})"), Box::new(move |row| not(eval(row))))
        }
        3 => {
            let (sql, eval) = boolean(random, depth - 1);
            let (words, wanted) = random.pick(&[
                ("TRUE", Some(true)),
                ("FALSE", Some(false)),
                ("UNKNOWN", None),
            ]);
            (
                format!("({sql} IS {words})"),
                Box::new(move |row| Some(eval(row) == wanted)),
            )
        }
        4 => {
            let (sql, _, eval) = number(random, depth - 1);
            (
                format!("({sql} IS NOT NULL)"),
                Box::new(move |row| Some(eval(row).is_some())),
            )
        }
        5 => text_test(random, depth),
        6 => {
            let (sql, _, eval) = number(random, depth - 1);
            let items: Vec<_> = (0..1 + random.below(12))
                .map(|_| leaf_number(random))
                .collect();
            let list: Vec<String> = items.iter().map(|item| item.0.clone()).collect();
            let eval = move |row: &Row| {
                let value = eval(row);
                let equal = |item: &(String, bool, Naive<Number>)| {
                    Some(order(value?, (item.2)(row)?).is_eq())
                };
                not(items.iter().map(equal).map(not).fold(Some(true), and))
            };
            (format!("({sql} IN ({}))", list.join(", ")), Box::new(eval))
        }
        _ => {
            let op = random.pick(&COMPARISONS);
            let ((l, _, l_eval), (r, _, r_eval)) =
                (number(random, depth - 1), number(random, depth - 1));
            let eval = move |row: &Row| Some(holds(op, order(l_eval(row)?, r_eval(row)?)));
            (format!("({l} {op} {r})"), Box::new(eval))
        }
    }
}

/// Parts that sort as the language says, filled up with zeros to more than any text here has.
fn version(text: &str) -> Vec<(bool, u64, String)> {
    let given: Vec<&str> = text.trim().split('.').collect();
    let filled = given.iter().copied().chain(std::iter::repeat("0"));
    filled
        .take(8)
        .map(|part| match part.parse() {
            Ok(number) => (false, number, String::new()),
            Err(_) => (true, 0, part.to_owned()),
        })
        .collect()
}

fn text_test(random: &mut Random, depth: usize) -> (String, Naive<bool>) {
    let (l, l_eval) = text(random, depth - 1);
    match random.below(5) {
        3 => {
            let (r, r_eval) = text(random, depth - 1);
            let eval = move |row: &Row| {
                let (list, item) = (l_eval(row)?, r_eval(row)?);
                let mut items = list
                    .split(';')
                    .map(str::trim)
                    .filter(|item| !item.is_empty());
                Some(items.any(|known| known == item.trim()))
            };
            (format!("contains_item({l}, {r})"), Box::new(eval))
        }
        4 => {
            let (r, r_eval) = text(random, depth - 1);
            let eval = move |row: &Row| Some(version(&l_eval(row)?) < version(&r_eval(row)?));
            (format!("version_before({l}, {r})"), Box::new(eval))
        }
        0 => {
            let op = random.pick(&COMPARISONS);
            let (r, r_eval) = text(random, depth - 1);
            let eval = move |row: &Row| Some(holds(op, l_eval(row)?.cmp(&r_eval(row)?)));
            (format!("({l} {op} {r})"), Box::new(eval))
        }
        1 => {
            let pattern =
                random.pick(&["%", "a%", "%b", "%a%", "_", "a_b", "%a%b%", "", "_%_", "é%"]);
            let eval = move |row: &Row| {
                let text: Vec<char> = l_eval(row)?.chars().collect();
                Some(like(&pattern.chars().collect::<Vec<_>>(), &text))
            };
            (format!("({l} LIKE '{pattern}')"), Box::new(eval))
        }
        _ => {
            let items: Vec<&str> = (0..1 + random.below(5))
                .map(|_| random.pick(&TEXTS))
                .collect();
            let list: Vec<String> = items.iter().map(|item| format!("'{item}'")).collect();
            let eval = move |row: &Row| Some(items.contains(&l_eval(row)?.as_str()));
            (format!("({l} IN ({}))", list.join(", ")), Box::new(eval))
        }
    }
}

pub(super) fn scope() -> Schema {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    Schema::new(vec![
        field("i", DataType::Int64),
        field("j", DataType::Int64),
        field("f", DataType::Float64),
        field("g", DataType::Float64),
        field("s", DataType::Utf8),
        field("b", DataType::Boolean),
        field("t", DataType::Timestamp(TimeUnit::Millisecond, None)),
    ])
}

pub(super) fn arrays(names: &[String], rows: &[Row]) -> Vec<ArrayRef> {
    let ints =
        |get: fn(&Row) -> Option<i64>| Arc::new(rows.iter().map(get).collect::<Int64Array>());
    let floats =
        |get: fn(&Row) -> Option<f64>| Arc::new(rows.iter().map(get).collect::<Float64Array>());
    let array = |name: &String| -> ArrayRef {
        match name.as_str() {
            "i" => ints(|row| row.i),
            "j" => ints(|row| row.j),
            "f" => floats(|row| row.f),
            "g" => floats(|row| row.g),
            "s" => Arc::new(
                rows.iter()
                    .map(|row| row.s.as_deref())
                    .collect::<StringArray>(),
            ),
            "t" => Arc::new(
                rows.iter()
                    .map(|row| row.t)
                    .collect::<TimestampMillisecondArray>(),
            ),
            _ => Arc::new(rows.iter().map(|row| row.b).collect::<BooleanArray>()),
        }
    };
    names.iter().map(array).collect()
}

/// Expressions tried, and rows for each: more than two blocks, the last one partial.
pub(super) const EXPRESSIONS: u64 = 3_000;
pub(super) const ROWS: usize = 150;

#[test]
fn predicates_equal_the_naive_evaluator() {
    let scope = scope();
    let mut checked = 0;
    for seed in 0..EXPRESSIONS {
        let mut random = Random(seed);
        let rows: Vec<Row> = (0..ROWS).map(|_| row(&mut random)).collect();
        let (sql, naive) = boolean(&mut random, 4);
        let predicate = match Predicate::parse(&sql, &scope) {
            Err(PredicateError::TooManyOperators { .. } | PredicateError::TooDeep { .. }) => {
                continue;
            }
            other => other.unwrap(),
        };
        // A slice shifts values and validity bits.
        let shift = random.below(70);
        let columns: Vec<ArrayRef> = arrays(predicate.inputs(), &rows)
            .iter()
            .map(|array| array.slice(shift, ROWS - shift))
            .collect();
        let found: Vec<bool> = predicate.evaluate(&columns, ROWS - shift).iter().collect();
        let again = Predicate::parse(&sql, &scope).unwrap();
        assert_eq!(predicate.canonical(), again.canonical());
        checked += 1;
        for (row, found) in rows[shift..].iter().zip(found) {
            assert_eq!(
                found,
                naive(row) == Some(true),
                "seed {seed}: {sql} on {row:?}"
            );
        }
    }
    assert!(checked > EXPRESSIONS * 9 / 10, "{checked}");
}

#[test]
fn expressions_equal_the_naive_evaluator() {
    let scope = scope();
    let mut checked = 0;
    for seed in 0..EXPRESSIONS {
        let mut random = Random(seed ^ 0xABCD);
        let rows: Vec<Row> = (0..ROWS).map(|_| row(&mut random)).collect();
        let (sql, _, naive) = number(&mut random, 4);
        let expression = match Expression::parse(&sql, &scope) {
            Err(PredicateError::TooManyOperators { .. } | PredicateError::TooDeep { .. }) => {
                continue;
            }
            other => other.unwrap(),
        };
        let found = expression.evaluate(&arrays(expression.inputs(), &rows), ROWS);
        checked += 1;
        for (row, found) in rows.iter().zip(found.iter()) {
            let wanted = naive(row).map(as_float);
            let same = found == wanted || found.map(f64::to_bits) == wanted.map(f64::to_bits);
            assert!(
                same,
                "seed {seed}: {sql} on {row:?}: {found:?}, wanted {wanted:?}"
            );
        }
    }
    assert!(checked > EXPRESSIONS * 9 / 10, "{checked}");
}
