//! Container registries: what is there, byte for byte.
