//! Names of channels: each channel has one name, and no two channels share a name.

use fanfare::{Channel, TypedChannel};

use super::lines;
use crate::definitions::channels::{REGISTRY, page::Page, pair::Pair, room::Room};

pub(crate) fn check(input: &[u8]) {
    let Some([name, a, b, c, d]) = lines(input) else { return };
    if let Some(channel) = REGISTRY.resolve(name) {
        assert_eq!(channel.name(), name);
    }
    check_resolves(Room::new(d));
    check_resolves(Page::new(a, b.parse().unwrap_or_default()));
    let first = check_resolves(Pair::new(a, b));
    let second = check_resolves(Pair::new(c, d));
    if let (Some(first), Some(second)) = (first, second) {
        assert_eq!(first.name() == second.name(), (a, b) == (c, d), "{first:?} and {second:?}");
    }
}

/// Checks that a channel with valid params resolves from its name.
fn check_resolves<C: TypedChannel, E>(channel: Result<C, E>) -> Option<Channel> {
    let channel = channel.ok()?.channel().clone();
    assert_eq!(REGISTRY.resolve(channel.name()).as_ref(), Some(&channel));
    Some(channel)
}
