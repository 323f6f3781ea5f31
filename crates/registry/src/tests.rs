//! One client against one server.

mod distribution;
mod documents;
mod door;
mod image;
mod listing;
mod server;
mod silence;
