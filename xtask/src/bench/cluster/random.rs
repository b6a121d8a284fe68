//! Random numbers from a seed, and Zipf's law.

/// A generator of random numbers, `SplitMix64`.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number from 0 to 1, excluding 1.
    fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
    }

    /// Returns a number below a limit, which must not be 0.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(((self.next() >> 32) * u64::from(limit)) >> 32).unwrap_or(0)
    }
}

/// Zipf's law, by rejection-inversion.
pub(super) struct Zipf {
    count: f64,
    exponent: f64,
    first: f64,
    last: f64,
    accepted: f64,
}

impl Zipf {
    /// Numbers from 0 to `count` - 1.
    pub(super) fn new(count: u32, exponent: f64) -> Self {
        let mut zipf = Self { count: f64::from(count), exponent, first: 0.0, last: 0.0, accepted: 0.0 };
        zipf.first = zipf.integral(1.5) - 1.0;
        zipf.last = zipf.integral(zipf.count + 0.5);
        zipf.accepted = 2.0 - zipf.invert(zipf.integral(2.5) - zipf.weight(2.0));
        zipf
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number is below the count"
    )]
    pub(super) fn draw(&self, random: &mut Random) -> u32 {
        loop {
            let chosen = self.last + random.fraction() * (self.first - self.last);
            let inverse = self.invert(chosen);
            let rank = inverse.round().clamp(1.0, self.count);
            if rank - inverse <= self.accepted || chosen >= self.integral(rank + 0.5) - self.weight(rank) {
                return rank as u32 - 1;
            }
        }
    }

    fn weight(&self, rank: f64) -> f64 {
        rank.powf(-self.exponent)
    }

    /// Returns the integral of the weight.
    fn integral(&self, rank: f64) -> f64 {
        let power = 1.0 - self.exponent;
        if power.abs() < 1e-9 { rank.ln() } else { (rank.powf(power) - 1.0) / power }
    }

    fn invert(&self, integral: f64) -> f64 {
        let power = 1.0 - self.exponent;
        if power.abs() < 1e-9 { integral.exp() } else { (1.0 + integral * power).max(0.0).powf(1.0 / power) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_follow_the_law() {
        for exponent in [0.8, 1.0, 1.2] {
            let (zipf, mut random) = (Zipf::new(1_000, exponent), Random::new(7));
            let mut counts = [0_u32; 1_000];
            for _ in 0..200_000 {
                counts[zipf.draw(&mut random) as usize] += 1;
            }
            let sum: f64 = (1..=1_000).map(|rank| f64::from(rank).powf(-exponent)).sum();
            for (rank, index) in [(1, 0), (2, 1), (10, 9)] {
                let expected = f64::from(rank).powf(-exponent) / sum * 200_000.0;
                let found = f64::from(counts[index]);
                assert!((found / expected - 1.0).abs() < 0.1, "{exponent} {rank}: {found} {expected}");
            }
        }
    }
}
