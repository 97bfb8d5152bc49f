//! Chance with a memory: SplitMix64 (Steele, Lea and Flood, 2014), which needs no crate.

/// A stream of numbers that depends on its seed and name alone.
pub struct Chance(u64);

impl Chance {
    /// The stream `name` of a seed.
    pub fn of(seed: u64, name: &str) -> Self {
        // FNV-1a over the name keeps the streams apart.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ hash)
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `n` - 1. The slight bias of the remainder does not matter here.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// A position in a slice of this length.
    pub fn at(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }

    /// One of them.
    pub fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.at(of.len())]
    }

    /// True in `percent` of a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// In another order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.at(i + 1);
            items.swap(i, j);
        }
    }

    /// Hexadecimal digits.
    pub fn hex(&mut self, n_bytes: usize) -> String {
        (0..n_bytes)
            .map(|_| format!("{:02x}", self.below(256)))
            .collect()
    }
}
