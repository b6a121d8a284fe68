//! Versions of `nats-server`.

/// The oldest version that this engine works with.
const OLDEST: (u64, u64) = (2, 12);

/// The requirement, for people.
pub(super) const REQUIRED: &str = "version 2.12 or later is required";

/// Returns whether the engine works with a version, such as `2.12.0-RC.1`.
pub(super) fn is_supported(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= OLDEST,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        for version in ["2.12.0", "2.12.0-RC.1", "2.15.1", "2.100.0", "3.0.0", "3.0"] {
            assert!(is_supported(version), "{version}");
        }
        for version in ["2.11.99", "2.9.0", "1.99.9", "2", "", "x.y", "v2.15.1"] {
            assert!(!is_supported(version), "{version}");
        }
    }
}
