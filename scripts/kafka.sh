#!/usr/bin/env bash
# Apache Kafka on localhost for tests and trials: one broker, KRaft mode, jars from Maven Central.
#
#   scripts/kafka.sh fetch                       download the jars (once, about 100 MB)
#   scripts/kafka.sh start [PORT] [DATA_DIR]     start a broker (default 9092), wait until it answers
#   scripts/kafka.sh topic NAME PARTITIONS       create a topic
#   scripts/kafka.sh acl ARGUMENTS               what kafka-acls.sh does
#   scripts/kafka.sh stop [DATA_DIR]             stop it
#
# Needs Java 17 or later and Maven; jars go to $TILLWATCH_KAFKA_HOME (default: .kafka/ beside
# scripts/). Another listener that asks for SASL (PLAIN and SCRAM-SHA-256, user `tillwatch`, password
# `tillwatch-test`) opens on port $KAFKA_SASL_PORT when that is set. With KAFKA_ACL=1 its user may do
# only what is granted; whoever comes by the first listener may do everything.
set -euo pipefail

KAFKA_VERSION="${KAFKA_VERSION:-4.3.1}"
SLF4J_VERSION=1.7.36
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
HOME_DIR="${TILLWATCH_KAFKA_HOME:-$ROOT/.kafka}"
LIBS="$HOME_DIR/libs-$KAFKA_VERSION"
# The heap that a test broker needs; Kafka's own default of 1 GiB is for servers.
HEAP="${KAFKA_HEAP:-512m}"
# Options of the broker's JVM: for one that runs long. Tests stop theirs before a second compiler pays.
JVM="${KAFKA_JVM:--XX:+UseG1GC}"
START_SECONDS_MAX=60
STOP_SECONDS_MAX=20

die() { echo "kafka.sh: $*" >&2; exit 1; }

usage() { sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2; }

need_java() {
    command -v java >/dev/null || die "java not found: install a Java 17 runtime (Debian: apt install openjdk-17-jre-headless)"
    local major
    major="$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -1)"
    [ "${major:-0}" -ge 17 ] || die "java ${major:-unknown} is too old: Kafka $KAFKA_VERSION needs 17 or later"
}

fetch() {
    [ -f "$LIBS/.complete" ] && return
    command -v mvn >/dev/null || die "mvn not found: install Maven (Debian: apt install maven)"
    mkdir -p "$HOME_DIR"
    # Two test binaries may come here at once.
    exec 9>"$HOME_DIR/fetch.lock"
    flock 9
    if [ ! -f "$LIBS/.complete" ]; then
        local pom="$HOME_DIR/pom.xml"
        cat >"$pom" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$KAFKA_VERSION</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$KAFKA_VERSION</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>$SLF4J_VERSION</version></dependency>
  </dependencies>
</project>
POM
        echo "kafka.sh: fetching Kafka $KAFKA_VERSION with Maven into $LIBS" >&2
        mvn -B -q -f "$pom" dependency:copy-dependencies -DincludeScope=runtime \
            -DoutputDirectory="$LIBS" >&2 || die "maven could not fetch Kafka $KAFKA_VERSION: is Maven Central reachable?"
        touch "$LIBS/.complete"
    fi
    exec 9>&-
}

# Runs one of Kafka's tools. Serial collection and one compiler thread keep the start short.
tool() {
    local class="$1"
    shift
    java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp "$LIBS/*" "$class" "$@"
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

write_config() {
    local port="$1" data="$2" controller="$3"
    local listeners="PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller"
    local advertised="PLAINTEXT://127.0.0.1:$port"
    if [ -n "${KAFKA_SASL_PORT:-}" ]; then
        listeners="$listeners,SASL_PLAINTEXT://127.0.0.1:$KAFKA_SASL_PORT"
        advertised="$advertised,SASL_PLAINTEXT://127.0.0.1:$KAFKA_SASL_PORT"
    fi
    cat >"$data/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
controller.listener.names=CONTROLLER
listeners=$listeners
advertised.listeners=$advertised
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_tillwatch="tillwatch-test";
listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
log.dirs=$data/log
num.partitions=4
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
# What a killed process left open ends soon after its time-out.
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
# Tests may want members that are soon missed.
group.min.session.timeout.ms=1000
PROPERTIES
    if [ -n "${KAFKA_ACL:-}" ]; then
        cat >>"$data/server.properties" <<PROPERTIES
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
PROPERTIES
    fi
}

# 16 random bytes as Kafka writes an id. The first letter is given, since no option may begin with a dash.
random_id() {
    local id
    id="$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')"
    echo "K${id#?}"
}

# A port that nobody listens on, below the range that the kernel hands to outgoing connections.
free_port() {
    local port
    for _ in $(seq 50); do
        port=$((20000 + RANDOM % 10000))
        answers "$port" || { echo "$port"; return; }
    done
    die "no free port found for the controller"
}

# Formats $data/log. It says nothing of ports, so what one broker was given is copied for the next: formatting
# takes as long as half a start.
format() {
    local data="$1" formatted="$HOME_DIR/formatted-$KAFKA_VERSION" scram=()
    if [ -n "${KAFKA_SASL_PORT:-}" ]; then
        scram=(--add-scram "SCRAM-SHA-256=[name=tillwatch,password=tillwatch-test]")
        formatted="$formatted-sasl"
    fi
    if [ ! -d "$formatted" ]; then
        tool kafka.tools.StorageTool format -t "$(random_id)" \
            -c "$data/server.properties" "${scram[@]}" >"$data/format.log" 2>&1 \
            || die "formatting failed: see $data/format.log"
        # Another start may be as far as this: whoever is first leaves it whole.
        cp -r "$data/log" "$formatted.$$"
        mv -T "$formatted.$$" "$formatted" 2>/dev/null || rm -rf "$formatted.$$"
        return
    fi
    mkdir -p "$data/log"
    cp -r "$formatted/." "$data/log"
}

start() {
    local port="${1:-9092}" data="${2:-$HOME_DIR/data}"
    need_java
    fetch
    mkdir -p "$data"
    data="$(cd "$data" && pwd)"
    if [ -f "$data/pid" ] && kill -0 "$(cat "$data/pid")" 2>/dev/null; then
        die "already running with pid $(cat "$data/pid") on $data: stop it first"
    fi
    answers "$port" && die "port $port is taken: choose another one"
    if [ ! -f "$data/server.properties" ]; then
        write_config "$port" "$data" "$(free_port)"
        format "$data"
    fi
    # A session of its own, so that Ctrl-C in the caller's terminal does not end the broker.
    # shellcheck disable=SC2086  # several options
    setsid java -Xms256m -Xmx"$HEAP" $JVM \
        -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.showDateTime=true \
        -cp "$LIBS/*" kafka.Kafka "$data/server.properties" \
        </dev/null >>"$data/broker.log" 2>&1 9>&- &
    local pid=$!
    echo "$pid" >"$data/pid"
    echo "$port" >"$data/port"
    local waited=0
    until answers "$port"; do
        kill -0 "$pid" 2>/dev/null || die "the broker ended at once: see $data/broker.log"
        [ "$waited" -lt $((START_SECONDS_MAX * 10)) ] || die "no answer on port $port after ${START_SECONDS_MAX} s: see $data/broker.log"
        sleep 0.1
        waited=$((waited + 1))
    done
    echo "kafka $KAFKA_VERSION on 127.0.0.1:$port (pid $pid, data in $data)"
}

stop() {
    local data="${1:-$HOME_DIR/data}"
    [ -f "$data/pid" ] || die "no broker was started on $data"
    local pid waited=0
    pid="$(cat "$data/pid")"
    kill "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do
        if [ "$waited" -ge $((STOP_SECONDS_MAX * 10)) ]; then
            kill -9 "$pid" 2>/dev/null || true
        fi
        sleep 0.1
        waited=$((waited + 1))
    done
    rm -f "$data/pid"
}

# The port of the broker that tools talk to.
running_port() {
    local port=9092
    [ -f "$HOME_DIR/data/port" ] && port="$(cat "$HOME_DIR/data/port")"
    echo "${KAFKA_PORT:-$port}"
}

topic() {
    [ $# -eq 2 ] || usage
    tool org.apache.kafka.tools.TopicCommand --bootstrap-server "127.0.0.1:$(running_port)" \
        --create --if-not-exists --topic "$1" --partitions "$2" --replication-factor 1
}

acl() {
    [ $# -gt 0 ] || usage
    tool org.apache.kafka.tools.AclCommand --bootstrap-server "127.0.0.1:$(running_port)" "$@"
}

command="${1:-}"
[ $# -gt 0 ] && shift
case "$command" in
    fetch) need_java; fetch ;;
    start) start "$@" ;;
    stop) stop "$@" ;;
    topic) fetch; topic "$@" ;;
    acl) fetch; acl "$@" ;;
    *) usage ;;
esac
