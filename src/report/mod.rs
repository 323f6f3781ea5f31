//! Decisions to text.
