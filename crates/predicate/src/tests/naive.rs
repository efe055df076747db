//! Rows, and what the language says of their values, one row at a time and without anything of the product.

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

pub(super) const INTS: [i64; 10] = [
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
pub(super) const FLOATS: [f64; 12] = [
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
pub(super) const TEXTS: [&str; 14] = [
    "", "a", "ab", "é%b", "aab", "60_1", "ba", "aé", "Ff", "1.2", "1.10", "1.2.0", " a ; b",
    "b;;aé",
];
pub(super) const TIMES: [i64; 6] = [
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

pub(super) fn float(value: f64) -> Option<Number> {
    (!value.is_nan()).then_some(Number::Float(value))
}

pub(super) fn as_float(number: Number) -> f64 {
    match number {
        Number::Int(int) => int as f64,
        Number::Float(float) => float,
    }
}

pub(super) fn order(l: Number, r: Number) -> Ordering {
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

pub(super) fn arithmetic(op: &str, l: Number, r: Number) -> Option<Number> {
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

pub(super) fn like(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('%', rest)) => (0..=text.len()).any(|skip| like(rest, &text[skip..])),
        Some(('_', rest)) => !text.is_empty() && like(rest, &text[1..]),
        Some((c, rest)) => text.first() == Some(c) && like(rest, &text[1..]),
    }
}

pub(super) fn holds(op: &str, order: Ordering) -> bool {
    match op {
        "=" => order.is_eq(),
        "<>" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }
}

pub(super) const COMPARISONS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];

pub(super) fn and(l: Option<bool>, r: Option<bool>) -> Option<bool> {
    match (l, r) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

pub(super) fn not(value: Option<bool>) -> Option<bool> {
    value.map(|value| !value)
}

/// Parts that sort as the language says, filled up with zeros to more than any text here has.
pub(super) fn version(text: &str) -> Vec<(bool, u64, String)> {
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
