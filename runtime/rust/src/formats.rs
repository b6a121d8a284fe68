//! String formats: one grammar each, the same in every language.

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
}
