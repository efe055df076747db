//! Writing flat JSON objects into a buffer, without checks that our own values cannot need: all
//! texts are ASCII without quotes and backslashes.

use tillwatch_records::Column;

/// An object being written; members appear in the order of the calls.
pub struct Object<'a> {
    out: &'a mut Vec<u8>,
    /// `{` before the first member, then `,`.
    separator: u8,
}

/// Longest record that is written, so that one reservation does.
const RECORD_BYTES_MAX: usize = 1_024;

impl<'a> Object<'a> {
    pub fn begin(out: &'a mut Vec<u8>) -> Self {
        out.reserve(RECORD_BYTES_MAX);
        Self {
            out,
            separator: b'{',
        }
    }

    pub fn end(self) {
        self.out.push(b'}');
    }

    /// A text member.
    pub fn text(&mut self, column: Column, value: &[u8]) {
        debug_assert!(
            value
                .iter()
                .all(|b| b.is_ascii_graphic() && !b"\"\\".contains(b))
        );
        self.name(column, b"\":\"");
        self.out.extend_from_slice(value);
        self.out.push(b'"');
    }

    /// A text member of exactly `N` decimal digits.
    pub fn digits<const N: usize>(&mut self, column: Column, value: impl Into<u64>) {
        let mut text = [0; N];
        digits(value, &mut text);
        self.text(column, &text);
    }

    /// A text member of exactly `N` upper-case hexadecimal digits.
    pub fn hex<const N: usize>(&mut self, column: Column, value: u64) {
        let mut text = [0; N];
        hex(value, &mut text);
        self.text(column, &text);
    }

    /// As `hex`, for more than 16 digits: the last 12 are those of `low`.
    pub fn hex_long<const N: usize>(&mut self, column: Column, high: u64, low: u64) {
        let mut text = [0; N];
        let (front, back) = text.split_at_mut(N - 12);
        hex(high, front);
        hex(low, back);
        self.text(column, &text);
    }

    /// A number member.
    pub fn unsigned(&mut self, column: Column, value: u64) {
        self.name(column, b"\":");
        let mut buffer = itoa::Buffer::new();
        self.out.extend_from_slice(buffer.format(value).as_bytes());
    }

    /// A number member in degrees with four decimals, given in 1e-4 degrees.
    pub fn degrees(&mut self, column: Column, e4: i32) {
        self.name(column, b"\":");
        if e4 < 0 {
            self.out.push(b'-');
        }
        let mut buffer = itoa::Buffer::new();
        let whole = buffer.format(e4.unsigned_abs() / 10_000);
        self.out.extend_from_slice(whole.as_bytes());
        let mut decimals = *b".0000";
        digits(e4.unsigned_abs() % 10_000, &mut decimals[1..]);
        self.out.extend_from_slice(&decimals);
    }

    fn name(&mut self, column: Column, after: &[u8]) {
        self.out.extend_from_slice(&[self.separator, b'"']);
        self.out.extend_from_slice(column.name().as_bytes());
        self.out.extend_from_slice(after);
        self.separator = b',';
    }
}

/// Fills `out` with the last digits of `value`.
pub fn digits(value: impl Into<u64>, out: &mut [u8]) {
    let mut value = value.into();
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Fills `out` with the last upper-case hexadecimal digits of `value`.
pub fn hex(value: u64, out: &mut [u8]) {
    let mut value = value;
    for digit in out.iter_mut().rev() {
        *digit = b"0123456789ABCDEF"[(value & 15) as usize];
        value >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_in_order() {
        let mut out = Vec::new();
        let mut json = Object::begin(&mut out);
        json.text(Column::Mti, b"0100");
        json.digits::<6>(Column::Bin, 42_u32);
        json.hex::<4>(Column::Tvr, 0xabcde);
        json.unsigned(Column::Stan, 7);
        json.degrees(Column::Lat, -1_278);
        json.degrees(Column::Lon, 1_234_567);
        json.end();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"mti":"0100","bin":"000042","tvr":"BCDE","stan":7,"lat":-0.1278,"lon":123.4567}"#
        );
    }
}
