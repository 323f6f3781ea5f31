# Shorter names for the commands of CONTRIBUTING.md.

# Lists these.
default:
    @just --list

# Runs the tests.
test *arguments:
    .ci/test {{ arguments }}

# Runs everything that CI asks for.
ci:
    .ci/run

# Shows the whole pipeline on loopback.
demo:
    cargo run --example demo

# Measures whole runs.
bench *arguments:
    benches/run {{ arguments }}

# Formats the code.
fmt:
    cargo fmt
