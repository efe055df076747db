# What one does in this repository, one line each: `just` lists it.

# Lists the recipes
default:
    @just --list --unsorted

# Watches it work: embedded broker, simulated fleet, the real pipeline
demo *ARGS:
    cargo run --release -- demo {{ARGS}}

# Scores Kafka topics as a configuration says
run CONFIG="examples/tillwatch.toml":
    cargo run --release -- run --config {{CONFIG}}

# Runs every test that needs no broker; with a name, one crate's
test CRATE="":
    cargo test --locked {{ if CRATE == "" { "--workspace" } else { "-p tillwatch-" + CRATE } }}

# Runs the tests on a real Kafka, which it fetches (Java 17, Maven)
test-kafka: kafka-fetch
    cargo test --locked --test real_kafka -- --ignored --test-threads=2

# Runs the tests of snapshots in buckets, which only a build with the feature `cloud` has
test-buckets:
    cargo test --locked -p tillwatch-state-store --features cloud

# Simulates whole sites, crashes and all: so many seeds from SEED on. One that fails says how to run it again
simulate CASES="5000" SEED="1000":
    TILLWATCH_SEED={{SEED}} TILLWATCH_CASES={{CASES}} cargo test --locked -p tillwatch-dst --test seeds whatever

# Checks format and lints, as CI does
lint:
    cargo fmt --all --check
    cargo clippy --locked --workspace --all-targets --features onnx,cloud -- -D warnings

# Formats the code
fmt:
    cargo fmt --all

# Builds the documentation of every crate; a broken link is an error
doc *ARGS:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps {{ARGS}}

# Runs a bench (README has the table of them), or all: half an hour
bench NAME="":
    cargo bench --locked {{ if NAME == "" { "" } else { "--bench " + NAME } }}

# Computes features in batch with polars, compares files of features (builds polars, once)
lab *ARGS:
    cargo run --release -p tillwatch-lab -- {{ARGS}}

# Fuzzes `records`, `settings`, or a loader of models or state, for some seconds (nightly, cargo-fuzz)
fuzz TARGET="records" SECONDS="60":
    cargo +nightly fuzz run {{TARGET}} -- -max_total_time={{SECONDS}}

# Watches unsafe code of crates/trees: `both`, `miri` or `address` (AddressSanitizer; nightly Rust)
sanitize WHAT="both":
    scripts/sanitize.sh {{WHAT}}

# Checks licences, bans, sources and advisories (cargo-deny)
deny:
    cargo deny check

# Checks what is under deploy/ with promtool, kubectl, systemd-analyze, docker, where they are installed
deploy-check:
    scripts/check_deploy.sh

# Runs everything that CI runs
ci:
    bash .ci/run

# Fetches Apache Kafka's jars (Java 17, Maven), about 100 MB, once
kafka-fetch:
    scripts/kafka.sh fetch

# Starts Kafka on localhost and creates the topics that the examples use
kafka PORT="9092": kafka-fetch
    scripts/kafka.sh start {{PORT}}
    scripts/kafka.sh topic transactions 4
    scripts/kafka.sh topic tillwatch.scores 4
    scripts/kafka.sh topic tillwatch.alerts 1
    scripts/kafka.sh topic tillwatch.dead-letters 1

# Stops the Kafka that `just kafka` started
kafka-stop:
    scripts/kafka.sh stop

# Starts Kafka, tillwatch and a simulated fleet in containers
up:
    docker compose up --build -d

# Stops the containers and forgets their data
down:
    docker compose down -v
