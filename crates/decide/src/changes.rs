//! What is known of the difference between two trees.

/// The paths in which two trees differ, or the reason why that is not known.
///
/// Unknown is never "nothing": what depends on it is deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// Every path that differs, as bytes from the repository's root; a rename is two paths; sorted, without doubles.
    Known(Vec<Vec<u8>>),
    /// It cannot be found out, because of this.
    Unknown(String),
}
