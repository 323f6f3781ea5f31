# Builds the program as one static binary and puts it, with root certificates and nothing else, into an empty image.
# It keeps to what every builder of the last years knows: no frontend line, no here-documents, no linked copies, no cache mounts.

# A released action names its built image by digest and builds nothing. What is built from here, and the release itself,
# starts from this tag; the release passes the digest too (--build-arg RUST=rust:1.95-slim-bookworm@sha256:...).
ARG RUST=rust:1.95-slim-bookworm

FROM ${RUST} AS build
WORKDIR /src
# The image's own toolchain is used: rust-toolchain.toml stays outside, so nothing is downloaded for formatting and linting.
# An image whose toolchain came without rustup has its targets already.
RUN arch="$(uname -m)" \
 && if command -v rustup >/dev/null; then rustup target add "${arch}-unknown-linux-musl"; fi
COPY Cargo.toml Cargo.lock ./
COPY src src
# ring compiles a little C, for which the ordinary compiler does: it needs no libc headers of musl.
RUN arch="$(uname -m)" \
 && export "CC_${arch}_unknown_linux_musl=gcc" \
 && cargo build --release --locked --bin ghcr-to-render --target "${arch}-unknown-linux-musl" \
 && cp "target/${arch}-unknown-linux-musl/release/ghcr-to-render" /ghcr-to-render

FROM scratch
LABEL org.opencontainers.image.title="ghcr-to-render" \
      org.opencontainers.image.description="Deploys the container images that a GitHub workflow pushed to GHCR to Render" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /ghcr-to-render /ghcr-to-render
# Root, and no USER: the runner mounts the workspace and its output files owned by its own user, and any other user in here
# could not write GITHUB_OUTPUT. The image has no shell; the exec form also keeps variables whose names have hyphens.
ENTRYPOINT ["/ghcr-to-render"]
