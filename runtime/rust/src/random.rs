//! Random numbers, which a simulation can make reproducible.

/// Returns a random number.
pub(crate) fn number() -> u32 {
    #[cfg(feature = "simulation")]
    if let Some(world) = crate::simulation::world() {
        return world.random();
    }
    rand::random()
}
