//! The commands: each gathers facts, lets them be decided, and acts.
