//! Numbers in JSON text.

/// The digits of a number, up to its end.
pub(super) struct NumberToken {
    /// The number of bytes.
    pub(super) length: usize,
    is_negative: bool,
    /// All digits before the exponent as one integer, if there are few.
    digits: u64,
    digit_count: usize,
    /// The number of digits after the point.
    fraction: usize,
    has_exponent: bool,
}

/// The number of decimal digits that every double holds.
const EXACT_DIGITS: usize = 15;

/// The powers of ten up to [`EXACT_DIGITS`], all of which doubles hold exactly.
const POWERS: [f64; EXACT_DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

impl NumberToken {
    /// Scans a number of the grammar of JSON.
    #[inline]
    pub(super) fn scan(bytes: &[u8]) -> Option<Self> {
        let is_negative = bytes.first() == Some(&b'-');
        let mut token = Self {
            length: usize::from(is_negative),
            is_negative,
            digits: 0,
            digit_count: 0,
            fraction: 0,
            has_exponent: false,
        };
        let has_leading_zero = bytes.get(token.length) == Some(&b'0');
        token.scan_digits(bytes);
        if token.digit_count == 0 || (has_leading_zero && token.digit_count > 1) {
            return None;
        }
        if bytes.get(token.length) == Some(&b'.') {
            token.length += 1;
            let whole = token.digit_count;
            token.scan_digits(bytes);
            token.fraction = token.digit_count - whole;
            if token.fraction == 0 {
                return None;
            }
        }
        if matches!(bytes.get(token.length), Some(b'e' | b'E')) {
            token.scan_exponent(bytes)?;
        }
        Some(token)
    }

    #[inline]
    fn scan_digits(&mut self, bytes: &[u8]) {
        while let Some(&byte @ b'0'..=b'9') = bytes.get(self.length) {
            self.digits = self.digits.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            self.digit_count += 1;
            self.length += 1;
        }
    }

    #[cold]
    fn scan_exponent(&mut self, bytes: &[u8]) -> Option<()> {
        self.has_exponent = true;
        let sign = usize::from(matches!(bytes.get(self.length + 1), Some(b'+' | b'-')));
        let digits = &bytes[self.length + 1 + sign..];
        let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.length += 1 + sign + count;
        (count > 0).then_some(())
    }

    /// Returns the nearest double, or `None` if the number is beyond all doubles.
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "so few digits are exact")]
    pub(super) fn value(&self, text: &str) -> Option<f64> {
        if self.has_exponent || self.digit_count > EXACT_DIGITS {
            return text.parse().ok().filter(|number: &f64| number.is_finite());
        }
        // The quotient of two exact doubles is rounded once, so it is the nearest double.
        let number = self.digits as f64 / POWERS[self.fraction];
        Some(if self.is_negative { -number } else { number })
    }
}
