//! Code that the load clients and the servers share.

pub mod connection;
pub mod frame;
pub mod http;
pub mod message;

/// Returns the nanoseconds of the monotonic clock, which all processes of a machine share.
#[must_use]
pub fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Returns the value of `--name` on the command line.
#[must_use]
pub fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip(1);
    arguments.find(|argument| argument.strip_prefix("--") == Some(name))?;
    arguments.next()
}

/// Returns the number after `--name`, or a default.
///
/// # Panics
/// Panics if the value is not a number.
#[must_use]
pub fn number(name: &str, default: u64) -> u64 {
    let given = argument(name)
        .map(|value| value.parse().unwrap_or_else(|_| panic!("--{name} must be a number, not {value}")));
    given.unwrap_or(default)
}
