//! The kinds of JSON value.

use super::MAX_SAFE_INTEGER;
use super::visit::Found;

/// A set of kinds of JSON value: the keyword `type`.
///
/// ```
/// use fanfare_schema::Kinds;
///
/// const NULLABLE_TEXT: Kinds = Kinds::STRING.or(Kinds::NULL);
/// assert_eq!(NULLABLE_TEXT.or(Kinds::NONE), NULLABLE_TEXT);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// No value.
    pub const NONE: Self = Self(0);
    /// `null`.
    pub const NULL: Self = Self(1);
    /// `true` and `false`.
    pub const BOOLEAN: Self = Self(1 << 1);
    /// Integers within ±(2^53 − 1). `1.0` is an integer.
    pub const INTEGER: Self = Self(1 << 2);
    /// Finite numbers, including integers.
    pub const NUMBER: Self = Self(1 << 2 | 1 << 3);
    /// Strings.
    pub const STRING: Self = Self(1 << 4);
    /// Arrays.
    pub const ARRAY: Self = Self(1 << 5);
    /// Objects.
    pub const OBJECT: Self = Self(1 << 6);
    /// Every value.
    pub const ANY: Self = Self((1 << 7) - 1);

    /// Returns the union of both sets.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns `true` if this set contains the other one.
    pub(super) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns `true` if the set contains the kind of a value.
    pub(super) fn contains_value(self, found: Found<'_>) -> bool {
        match found {
            Found::Null => self.contains(Self::NULL),
            Found::Boolean(_) => self.contains(Self::BOOLEAN),
            Found::Number(number) => {
                self.contains(Self::NUMBER) || self.contains(Self::INTEGER) && is_safe_integer(number)
            }
            Found::Text(_) => self.contains(Self::STRING),
            Found::Array => self.contains(Self::ARRAY),
            Found::Object => self.contains(Self::OBJECT),
        }
    }

    /// Describes the set, for example `must be null, a boolean or a string`.
    pub(super) fn describe(self) -> String {
        let names: Vec<&str> = self.names().map(|(_, name)| name).collect();
        match names.split_last() {
            None => "is not allowed".to_owned(),
            Some((last, [])) => format!("must be {last}"),
            Some((last, others)) => format!("must be {} or {last}", others.join(", ")),
        }
    }

    /// Returns the kinds of the set, each with its name.
    pub(super) fn names(self) -> impl Iterator<Item = (Self, &'static str)> {
        let is_counted = move |(kinds, _): &(Self, &str)| {
            self.contains(*kinds) && !(*kinds == Self::INTEGER && self.contains(Self::NUMBER))
        };
        NAMES.into_iter().filter(is_counted)
    }
}

/// A set that contains numbers contains integers, too, which are then not named.
const NAMES: [(Kinds, &str); 7] = [
    (Kinds::NULL, "null"),
    (Kinds::BOOLEAN, "a boolean"),
    (Kinds::INTEGER, "an integer"),
    (Kinds::NUMBER, "a number"),
    (Kinds::STRING, "a string"),
    (Kinds::ARRAY, "an array"),
    (Kinds::OBJECT, "an object"),
];

#[expect(clippy::cast_precision_loss, reason = "the limit is a safe integer, which doubles hold")]
fn is_safe_integer(number: f64) -> bool {
    number.fract() == 0.0 && number.abs() <= MAX_SAFE_INTEGER as f64
}
