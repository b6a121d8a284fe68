//! String formats. Each has one grammar, which is the same in every language. All formats are ASCII only. Text is
//! never rewritten, not even its case.
//!
//! | format | grammar |
//! |---|---|
//! | `uuid` | RFC 9562: 8-4-4-4-12 hexadecimal digits, either case, any version |
//! | `date-time` | RFC 3339: date, `T` or `t`, time |
//! | `date` | RFC 3339 `full-date`: a day that exists, such as `2024-02-29` |
//! | `time` | RFC 3339 `full-time`: the offset is required, `Z` or `z` or `±hh:mm`; any number of fraction digits; second 60 only at 23:59 UTC |
//! | `email` | RFC 5321 mailbox: dot-atom or quoted local part of at most 64 characters, `@`, hostname or `[IPv4]` or `[IPv6:…]` |
//! | `uri` | RFC 3986 with a scheme |
//! | `ipv4` | four decimal numbers up to 255, without leading zeros |
//! | `ipv6` | RFC 4291 text, without a zone |
//! | `hostname` | RFC 1123: labels of 1 to 63 letters, digits and inner hyphens, 253 characters in all, no dot at the end |
//! | `int64` | decimal digits of a signed 64-bit integer: no sign but `-`, no leading zeros, no `-0` |
//! | `uint64` | decimal digits of an unsigned 64-bit integer: no leading zeros |

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

mod internet;
mod time;

/// A string format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `6ba7b810-9dad-11d1-80b4-00c04fd430c8`
    Uuid,
    /// `2026-11-22T03:31:00Z`
    DateTime,
    /// `2026-11-22`
    Date,
    /// `03:31:00Z`
    Time,
    /// `ada@example.com`
    Email,
    /// `https://example.com/a?b#c`
    Uri,
    /// `192.0.2.1`
    Ipv4,
    /// `2001:db8::1`
    Ipv6,
    /// `example.com`
    Hostname,
    /// `-9223372036854775808`
    Int64,
    /// `18446744073709551615`
    Uint64,
}

impl Format {
    /// The formats of strings, in the order of the documentation. `int64` and `uint64` are formats of numbers, which may
    /// be written as strings.
    pub const STRING_FORMATS: [Self; 9] = [
        Self::Uuid,
        Self::DateTime,
        Self::Date,
        Self::Time,
        Self::Email,
        Self::Uri,
        Self::Ipv4,
        Self::Ipv6,
        Self::Hostname,
    ];

    /// Returns `true` if a text has this format.
    ///
    /// ```
    /// use fanfare_schema::formats::Format;
    ///
    /// assert!(Format::Date.accepts("2024-02-29"));
    /// assert!(!Format::Date.accepts("2023-02-29"));
    /// ```
    #[must_use]
    pub fn accepts(self, text: &str) -> bool {
        match self {
            Self::Uuid => internet::is_uuid(text),
            Self::DateTime => time::is_date_time(text),
            Self::Date => time::is_date(text),
            Self::Time => time::is_time(text),
            Self::Email => internet::is_email(text),
            Self::Uri => internet::is_uri(text),
            Self::Ipv4 => internet::is_ipv4(text),
            Self::Ipv6 => internet::is_ipv6(text),
            Self::Hostname => internet::is_hostname(text),
            Self::Int64 => is_integer::<i64>(text),
            Self::Uint64 => is_integer::<u64>(text),
        }
    }

    /// Returns the name in JSON Schema.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::DateTime => "date-time",
            Self::Date => "date",
            Self::Time => "time",
            Self::Email => "email",
            Self::Uri => "uri",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Hostname => "hostname",
            Self::Int64 => "int64",
            Self::Uint64 => "uint64",
        }
    }
}

/// Returns whether a text is the canonical form of an integer: no sign but `-`, no leading zeros, within range.
fn is_integer<N: FromStr + ToString>(text: &str) -> bool {
    text.len() <= 20 && text.parse::<N>().is_ok_and(|number| number.to_string() == text)
}

/// The error of a text that does not have the required format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatError {
    format: Format,
}

impl fmt::Display for FormatError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "must be a valid {}", self.format.name())
    }
}

impl std::error::Error for FormatError {}

macro_rules! texts {
    ($($(#[$docs:meta])* $name:ident;)*) => {
        $(
            $(#[$docs])*
            #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub struct $name(String);

            impl $name {
                /// Returns the text.
                #[must_use]
                pub fn as_str(&self) -> &str {
                    &self.0
                }
            }

            impl TryFrom<String> for $name {
                type Error = FormatError;

                fn try_from(text: String) -> Result<Self, FormatError> {
                    let format = Format::$name;
                    if format.accepts(&text) { Ok(Self(text)) } else { Err(FormatError { format }) }
                }
            }

            impl TryFrom<&str> for $name {
                type Error = FormatError;

                fn try_from(text: &str) -> Result<Self, FormatError> {
                    Self::try_from(text.to_owned())
                }
            }

            impl FromStr for $name {
                type Err = FormatError;

                fn from_str(text: &str) -> Result<Self, FormatError> {
                    Self::try_from(text)
                }
            }

            impl From<$name> for String {
                fn from(text: $name) -> Self {
                    text.0
                }
            }

            impl AsRef<str> for $name {
                fn as_ref(&self) -> &str {
                    &self.0
                }
            }

            impl Deref for $name {
                type Target = str;

                fn deref(&self) -> &str {
                    &self.0
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                    formatter.pad(&self.0)
                }
            }

            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.serialize_str(&self.0)
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    Self::try_from(String::deserialize(deserializer)?).map_err(de::Error::custom)
                }
            }
        )*
    };
}

texts! {
    /// A UUID (RFC 9562), verbatim.
    ///
    /// ```
    /// use fanfare_schema::formats::Uuid;
    ///
    /// let id: Uuid = "6BA7B810-9dad-11d1-80b4-00c04fd430c8".parse().unwrap();
    /// assert_eq!(id.as_str(), "6BA7B810-9dad-11d1-80b4-00c04fd430c8");
    /// ```
    Uuid;
    /// A date and time (RFC 3339), verbatim.
    DateTime;
    /// A date (RFC 3339 `full-date`), verbatim.
    Date;
    /// A time of day with its offset (RFC 3339 `full-time`), verbatim.
    Time;
    /// An email address (RFC 5321 mailbox), verbatim.
    Email;
    /// A URI (RFC 3986), verbatim.
    Uri;
    /// An IPv4 address, verbatim.
    Ipv4;
    /// An IPv6 address (RFC 4291), verbatim.
    Ipv6;
    /// A host name (RFC 1123), verbatim.
    Hostname;
}
