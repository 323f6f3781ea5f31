//! GitHub's API, read.
