//! Random expressions, as text and as what they give of a row.

use std::cmp::Ordering;

use super::naive::*;

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
