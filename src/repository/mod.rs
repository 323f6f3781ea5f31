//! The checkout: local git objects, read raw.
