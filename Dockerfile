# Two stages, because what builds the program (compilers, 1.5 GB) must not be there when it runs.
# Debian 12 in both, so that the binary finds the C library that it was linked against.
#
# Images are named by tag, to be read, and by digest, which says what is fetched. To take a newer one, ask
# for the digest of its tag and write both:
#   docker buildx imagetools inspect rust:1.95.0-bookworm --format '{{.Manifest.Digest}}'
FROM rust:1.95.0-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1 AS build
WORKDIR /src
# librdkafka, OpenSSL and zstd are built from vendored sources: the C toolchain, perl and make of
# this image are all that is needed.
COPY . .
# The caches live outside the layers: a second build compiles only what changed. The binary is
# copied out because a cache mount is gone when the step ends. Line tables are most of its size and
# are left out; function names stay for backtraces.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin tillwatch --features cloud \
    && mkdir /state \
    && strip --strip-debug -o /usr/local/bin/tillwatch target/release/tillwatch

# The C library, the certificates of public authorities, time zones, and nothing that could be run: no
# shell, no package manager. `docker run -it --entrypoint sh` therefore does not work; `tillwatch health`
# and `tillwatch check` do.
FROM gcr.io/distroless/cc-debian12:nonroot@sha256:9dac0a79194e45a7da0158a9c6da57b217585af0786db3845d1f0ec1a0dd182f
COPY --from=build /usr/local/bin/tillwatch /usr/local/bin/tillwatch
# A volume that is mounted here belongs to the user below from the start.
COPY --from=build --chown=10001:10001 /state /var/lib/tillwatch
COPY models/ /usr/share/tillwatch/models/
COPY LICENSE /usr/share/doc/tillwatch/copyright
COPY NOTICE /usr/share/doc/tillwatch/NOTICE
# A user without a name, home or right: the program writes nothing but to its sinks and /var/lib/tillwatch. The number is fixed,
# so that `runAsNonRoot` can check it and the owner of a mounted directory can be set.
USER 10001:10001
# /metrics, /healthz and /readyz, when `[http] listen` is 0.0.0.0:9600.
EXPOSE 9600
# Alive, not ready: whatever restarts an unhealthy container must not do so because brokers are away. It is
# about `run`; give other commands `--no-healthcheck`.
HEALTHCHECK --interval=10s --timeout=5s --start-period=5m --retries=6 \
    CMD ["/usr/local/bin/tillwatch", "health", "--live"]
# SIGTERM drains, flushes and commits.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/tillwatch"]
CMD ["--help"]
