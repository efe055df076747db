# syntax=docker/dockerfile:1

# Two stages, because what builds the program (compilers, 1.5 GB) must not be there when it runs.
# Debian 12 in both, so that the binary finds the C library that it was linked against.
FROM rust:1-bookworm AS build
WORKDIR /src
# librdkafka, OpenSSL and zstd are built from vendored sources: the C toolchain, perl and make of
# this image are all that is needed.
COPY . .
# The caches live outside the layers: a second build compiles only what changed. The binary is
# copied out because a cache mount is gone when the step ends. Line tables are most of its size and
# are left out; function names stay for backtraces.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin tillwatch \
    && strip --strip-debug -o /usr/local/bin/tillwatch target/release/tillwatch

FROM debian:bookworm-slim
# For TLS to a broker whose certificate a public authority signed; librdkafka looks in /etc/ssl.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
# A user without a home or a shell: the program writes nothing but to its sinks. The number is fixed,
# so that `runAsNonRoot` can check it and the owner of a mounted directory can be set.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin tillwatch
COPY --from=build /usr/local/bin/tillwatch /usr/local/bin/tillwatch
COPY models/ /usr/share/tillwatch/models/
COPY LICENSE /usr/share/doc/tillwatch/copyright
COPY NOTICE /usr/share/doc/tillwatch/NOTICE
USER 10001
# /metrics, /healthz and /readyz, when `[http] listen` is 0.0.0.0:9600.
EXPOSE 9600
# SIGTERM drains, flushes and commits.
STOPSIGNAL SIGTERM
ENTRYPOINT ["tillwatch"]
CMD ["--help"]
