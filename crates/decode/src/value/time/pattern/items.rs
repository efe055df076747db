//! A pattern taken apart.

/// What a pattern says of a text, from left to right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// Digits of these fields, with nothing between them: each field, and how many digits it has. As all of
    /// them are one number, zeros in front may be missing.
    Digits(Vec<(Field, u8)>),
    /// Blanks before digits, if there are some.
    Padding,
    /// One digit or more of a fraction of the second.
    Decimals,
    /// The same behind a point, or nothing.
    PointAndDecimals,
    /// An English name, whole or its first three letters.
    Month,
    /// As a month.
    Weekday,
    /// `AM` or `PM`.
    Half,
    /// An offset, `Z`, `UTC` or `GMT`.
    Zone,
    /// One blank or more.
    Blanks,
    /// These bytes.
    Literal(Vec<u8>),
}

/// What digits are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Year,
    /// 69 to 99 are of the last century, as POSIX has it.
    YearOfCentury,
    Month,
    Day,
    DayOfYear,
    Hour,
    /// 1 to 12.
    HourOfHalf,
    Minute,
    Second,
    /// As many decimals of the second as there are digits.
    Fraction,
}

/// Longest pattern, in bytes: several times what a date and time need.
const PATTERN_BYTES_MAX: usize = 128;

impl Item {
    /// How often it says `field`.
    pub(super) fn count(&self, field: Field) -> usize {
        match self {
            Self::Digits(fields) => fields.iter().filter(|(found, _)| *found == field).count(),
            Self::Decimals | Self::PointAndDecimals => usize::from(field == Field::Fraction),
            Self::Month => usize::from(field == Field::Month),
            _ => 0,
        }
    }
}

/// The items of `pattern`, which say a day, and no thing twice; or what is wrong with it.
pub(super) fn items(pattern: &str) -> Result<Vec<Item>, String> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(format!("is longer than {PATTERN_BYTES_MAX} bytes"));
    }
    let mut items = Vec::new();
    // Blanks around a value mean nothing.
    take_apart(pattern.trim(), &mut items)?;
    check(&items)?;
    Ok(items)
}

fn take_apart(pattern: &str, items: &mut Vec<Item>) -> Result<(), String> {
    let mut rest = pattern.chars().peekable();
    while let Some(next) = rest.next() {
        if next.is_ascii_whitespace() {
            push(items, Item::Blanks);
            continue;
        }
        if next != '%' {
            let mut bytes = [0; 4];
            push(
                items,
                Item::Literal(next.encode_utf8(&mut bytes).as_bytes().to_vec()),
            );
            continue;
        }
        let mut conversion = String::new();
        // How a number is padded matters to those who write it.
        let _ = rest.next_if(|flag| matches!(flag, '-' | '_' | '0'));
        while let Some(part) = rest.next_if(|part| matches!(part, '.' | ':' | '0'..='9')) {
            conversion.push(part);
        }
        conversion.extend(rest.next());
        convert(&conversion, items)?;
    }
    Ok(())
}

/// Appends what `conversion`, without its `%`, stands for.
fn convert(conversion: &str, items: &mut Vec<Item>) -> Result<(), String> {
    let field = |field, digits| Item::Digits(vec![(field, digits)]);
    let item = match conversion {
        "Y" => field(Field::Year, 4),
        "y" => field(Field::YearOfCentury, 2),
        "m" => field(Field::Month, 2),
        "d" => field(Field::Day, 2),
        "j" => field(Field::DayOfYear, 3),
        "H" => field(Field::Hour, 2),
        "I" => field(Field::HourOfHalf, 2),
        "M" => field(Field::Minute, 2),
        "S" => field(Field::Second, 2),
        "e" => {
            push(items, Item::Padding);
            field(Field::Day, 2)
        }
        "k" => {
            push(items, Item::Padding);
            field(Field::Hour, 2)
        }
        "l" => {
            push(items, Item::Padding);
            field(Field::HourOfHalf, 2)
        }
        "f" => Item::Decimals,
        "3f" => field(Field::Fraction, 3),
        "6f" => field(Field::Fraction, 6),
        "9f" => field(Field::Fraction, 9),
        ".f" | ".3f" | ".6f" | ".9f" => Item::PointAndDecimals,
        "B" | "b" | "h" => Item::Month,
        "A" | "a" => Item::Weekday,
        "p" | "P" => Item::Half,
        "z" | ":z" => Item::Zone,
        "n" | "t" => Item::Blanks,
        "%" => Item::Literal(b"%".to_vec()),
        "F" => return take_apart("%Y-%m-%d", items),
        "T" => return take_apart("%H:%M:%S", items),
        "R" => return take_apart("%H:%M", items),
        "D" => return take_apart("%m/%d/%y", items),
        "" => return Err("ends with a lone `%`; write a literal one as `%%`".to_owned()),
        other => return Err(format!("has `%{other}`, which is not read")),
    };
    push(items, item);
    Ok(())
}

/// Appends `item`; of several literals or digits in a row there is one.
fn push(items: &mut Vec<Item>, item: Item) {
    match (items.last_mut(), item) {
        (Some(Item::Digits(fields)), Item::Digits(more)) => fields.extend(more),
        (Some(Item::Literal(text)), Item::Literal(more)) => text.extend(more),
        (Some(Item::Blanks), Item::Blanks) => {}
        (_, item) => items.push(item),
    }
}

fn check(items: &[Item]) -> Result<(), String> {
    let count = |fields: &[Field]| -> usize {
        let of = |item: &Item| fields.iter().map(|field| item.count(*field)).sum::<usize>();
        items.iter().map(of).sum()
    };
    let only = |item: &Item| items.iter().filter(|found| *found == item).count();
    let counts = [
        ("year", count(&[Field::Year, Field::YearOfCentury])),
        ("month", count(&[Field::Month])),
        ("day", count(&[Field::Day, Field::DayOfYear])),
        ("day of the week", only(&Item::Weekday)),
        ("hour", count(&[Field::Hour, Field::HourOfHalf])),
        ("half of the day", only(&Item::Half)),
        ("minute", count(&[Field::Minute])),
        ("second", count(&[Field::Second])),
        ("fraction of the second", count(&[Field::Fraction])),
        ("zone", only(&Item::Zone)),
    ];
    if let Some((name, _)) = counts.iter().find(|(_, count)| *count > 1) {
        return Err(format!("has the {name} twice; keep one"));
    }
    let has = |name| counts.contains(&(name, 1));
    let is_of_year = count(&[Field::DayOfYear]) == 1;
    if is_of_year && (!has("year") || has("month")) {
        return Err("has `%j`, which needs a year and no month".to_owned());
    }
    if !has("day") || !(is_of_year || has("month")) {
        return Err("says no day; it needs %m and %d, or %Y and %j".to_owned());
    }
    if (count(&[Field::HourOfHalf]) == 1) != has("half of the day") {
        return Err("needs both %I and %p, or %H alone".to_owned());
    }
    let needs = [
        ("minute", "hour"),
        ("second", "minute"),
        ("fraction of the second", "second"),
    ];
    match needs.iter().find(|(part, whole)| has(part) && !has(whole)) {
        Some((part, whole)) => Err(format!("has the {part} without the {whole}")),
        None => Ok(()),
    }
}
