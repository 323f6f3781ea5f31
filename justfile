# Shorter names for the commands of CONTRIBUTING.md.

# Lists these.
default:
    @just --list

# Runs the tests.
test *arguments:
    .ci/test {{ arguments }}

# Plays histories against the ledger's rules: so many, from this seed on.
simulate histories="100000" seed="0":
    HISTORIES={{ histories }} SEED={{ seed }} cargo test --test histories random -- --nocapture

# Runs everything that CI asks for.
ci:
    .ci/run

# Builds the image, rehearses a release, and makes journeys in the container.
container:
    .ci/container

# Shows the whole pipeline on loopback.
demo:
    cargo run --example demo

# Measures whole runs.
bench *arguments:
    benches/run {{ arguments }}

# Formats the code.
fmt:
    cargo fmt --all

# Builds the documentation site into target/site.
site *arguments:
    .ci/site {{ arguments }}
