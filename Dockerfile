# Builds the program as one static binary and puts it, with root certificates and nothing else, into an empty image.
# It keeps to what every builder of the last years knows: no frontend line, no here-documents, no linked copies, no cache mounts.
# The same sources give the same layers: times are fixed, and no path of the build is in the binary.

# The index of docker.io/library/rust, linux/amd64 and linux/arm64 among others. Tag and digest change together.
ARG RUST=rust:1.95-slim-bookworm@sha256:d7482085ff5b415f84dba5647ae71606650bdef00db7aeb69f4b3d170c3e4082

# The compiler runs on the machine that builds, for the machine that is meant: nothing is emulated. Docker's old builder names neither, and builds
# for its own machine.
FROM --platform=${BUILDPLATFORM:-linux} ${RUST} AS build
ARG TARGETARCH
WORKDIR /src
# ring has a little C, so another machine's code needs its C compiler; ours does for this one's. Debian's stable release pins it well enough.
# The image's own Rust is used: rust-toolchain.toml stays outside, so nothing is downloaded for formatting and linting. An image whose
# Rust came without rustup has its targets already.
# hadolint ignore=DL3008
RUN case "${TARGETARCH:-$(uname -m)}" in \
      amd64 | x86_64) machine=x86_64 gcc=gcc-x86-64-linux-gnu ;; \
      arm64 | aarch64) machine=aarch64 gcc=gcc-aarch64-linux-gnu ;; \
      *) echo "no image is made for linux/${TARGETARCH}" >&2; exit 1 ;; \
    esac \
 && echo "${machine}" >/machine \
 && if [ "${machine}" != "$(uname -m)" ] && ! command -v "${machine}-linux-gnu-gcc" >/dev/null; then \
      apt-get update && apt-get install -y --no-install-recommends "${gcc}" "libc6-dev-${TARGETARCH}-cross" && rm -rf /var/lib/apt/lists/*; \
    fi \
 && if command -v rustup >/dev/null; then rustup target add "${machine}-unknown-linux-musl"; fi
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY crates crates
# Rust's own linker does for both machines.
RUN machine="$(cat /machine)" target="${machine}-unknown-linux-musl" cc=gcc \
 && if [ "${machine}" != "$(uname -m)" ]; then cc="${machine}-linux-gnu-gcc"; fi \
 && export "CC_${machine}_unknown_linux_musl=${cc}" "CFLAGS_${machine}_unknown_linux_musl=-ffile-prefix-map=${CARGO_HOME}=/cargo" \
 && export RUSTFLAGS="-Clinker=rust-lld --remap-path-prefix=${CARGO_HOME}=/cargo" \
 && cargo build --release --locked --bin ghcr-to-render --target "${target}" \
 && mkdir -p /image/etc/ssl/certs \
 && cp "target/${target}/release/ghcr-to-render" /image/ghcr-to-render \
 && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
 && find /image -exec touch -d @0 {} +

FROM scratch
LABEL org.opencontainers.image.title="ghcr-to-render" \
      org.opencontainers.image.description="Deploys the container images that a GitHub workflow pushed to GHCR to Render" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /image /
# Root, and no USER: the runner mounts the workspace and its output files owned by its own user, and any other user in here
# could not write GITHUB_OUTPUT. The image has no shell; the exec form also keeps variables whose names have hyphens.
ENTRYPOINT ["/ghcr-to-render"]
