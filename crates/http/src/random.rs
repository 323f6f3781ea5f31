//! Where random numbers come from: the caller says, so that a test can say the same ones again.

use std::fmt;
use std::sync::Arc;

/// A source of random numbers. Cheap to clone; all clones draw from one source.
#[derive(Clone)]
pub struct Random(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Random {
    /// A source that draws 64 random bits with each call.
    #[must_use]
    pub fn new(draw: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(draw))
    }

    /// 64 random bits.
    #[must_use]
    pub fn bits(&self) -> u64 {
        (self.0)()
    }

    /// A random number from 0 up to 1.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        let bits = u32::try_from(self.bits() >> 40).unwrap_or(0);
        f64::from(bits) / f64::from(1_u32 << 24)
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}
