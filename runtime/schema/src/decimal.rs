//! `multipleOf` in decimal, without the rounding errors of doubles: 19.99 is a multiple of 0.01.

use std::fmt::{self, Write};

/// Returns whether `value` is a whole multiple of `divisor`, both taken as their shortest decimal representations.
pub(super) fn is_multiple(value: f64, divisor: f64) -> bool {
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    if value == 0.0 {
        return true;
    }
    let both_whole = value.fract() == 0.0 && divisor.fract() == 0.0;
    if both_whole && value.abs() <= MAX_EXACT && divisor.abs() <= MAX_EXACT {
        return value % divisor == 0.0;
    }
    let (value, divisor) = (Decimal::from_double(value), Decimal::from_double(divisor));
    if divisor.digits == 0 {
        return false;
    }
    let shift = value.exponent - divisor.exponent;
    if shift >= 0 {
        // digits < 10^17, so every product stays below 10^34 < 2^128.
        let scale = power_modulo(10, shift.unsigned_abs(), divisor.digits);
        ((value.digits % divisor.digits) * scale).is_multiple_of(divisor.digits)
    } else {
        // A power of ten with more digits than the value cannot divide it.
        match shift.unsigned_abs() {
            places @ 0..=17 => value.digits.is_multiple_of(divisor.digits * 10_u128.pow(places)),
            _ => false,
        }
    }
}

fn power_modulo(base: u128, mut exponent: u32, modulus: u128) -> u128 {
    let mut power = 1 % modulus;
    let mut square = base % modulus;
    while exponent > 0 {
        if exponent & 1 == 1 {
            power = power * square % modulus;
        }
        square = square * square % modulus;
        exponent >>= 1;
    }
    power
}

/// The magnitude `digits × 10^exponent`, with no trailing zeros in `digits`.
struct Decimal {
    digits: u128,
    exponent: i32,
}

impl Decimal {
    /// Returns the shortest decimal that rounds to this double. Rust and JavaScript agree on it.
    fn from_double(double: f64) -> Self {
        let mut reader = ScientificReader::default();
        // The reader accepts any text, so writing to it cannot fail.
        let _ = write!(reader, "{double:e}");
        let exponent = if reader.exponent_is_negative { -reader.exponent } else { reader.exponent };
        let mut decimal = Self { digits: reader.digits, exponent: exponent - reader.fraction_digits };
        while decimal.digits != 0 && decimal.digits.is_multiple_of(10) {
            decimal.digits /= 10;
            decimal.exponent += 1;
        }
        decimal
    }
}

/// Parses `-1.999e1` while it is being formatted, without allocating.
#[derive(Default)]
struct ScientificReader {
    digits: u128,
    fraction_digits: i32,
    exponent: i32,
    exponent_is_negative: bool,
    part: Part,
}

#[derive(Default, PartialEq)]
enum Part {
    #[default]
    Whole,
    Fraction,
    Exponent,
}

impl Write for ScientificReader {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            match (byte, &self.part) {
                (b'.', _) => self.part = Part::Fraction,
                (b'e', _) => self.part = Part::Exponent,
                (b'-', Part::Exponent) => self.exponent_is_negative = true,
                (b'0'..=b'9', Part::Exponent) => {
                    self.exponent = self.exponent * 10 + i32::from(byte - b'0');
                }
                (b'0'..=b'9', part) => {
                    self.fraction_digits += i32::from(*part == Part::Fraction);
                    self.digits = self.digits * 10 + u128::from(byte - b'0');
                }
                _ => {}
            }
        }
        Ok(())
    }
}
