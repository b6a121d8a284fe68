//! What the load client and the servers that it measures share.

pub mod control;
pub mod frame;
pub mod message;

/// Nanoseconds of the clock that all processes of one machine share.
#[must_use]
pub fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// The value of `--name` on the command line.
#[must_use]
pub fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip(1);
    arguments.find(|argument| argument.strip_prefix("--") == Some(name))?;
    arguments.next()
}

/// The number behind `--name`, or what it is where it is not given.
///
/// # Panics
/// When it is no number: there is nothing to measure then.
#[must_use]
pub fn number(name: &str, unless_given: u64) -> u64 {
    let given = argument(name).map(|value| value.parse().unwrap_or_else(|_| panic!("--{name} {value}?")));
    given.unwrap_or(unless_given)
}
