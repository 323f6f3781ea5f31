//! Tables of the rules: each history is a list of records, newest first.

mod comparison;
mod hold;
mod need;
mod shown;
mod state;
