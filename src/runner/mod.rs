//! The runner: its variables, files, commands and log.
