#!/usr/bin/env bash
# Checks what is under deploy/, and Docker's files, with the tools that read them in earnest:
#
#   scripts/check_deploy.sh
#
# promtool (rules, their tests, the board's queries), kubectl with kubeconform or kubernetes-validate
# (manifests), systemd-analyze (unit), docker compose. What is not installed is skipped with a line;
# tests/offline/shipped_deploy.rs checks the rest.
#
# Settings (environment):
#   KUBECONFORM_SCHEMAS   where kubeconform finds schemas, as its -schema-location; `default` needs a network.
#                         Without it kubeconform is not used
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

has() { command -v "$1" >/dev/null 2>&1; }
say() { printf -- '--- %s\n' "$*"; }
skip() { printf 'skipped: %s\n' "$*"; }

rules() {
    say "Prometheus: rules and their tests"
    if ! has promtool; then
        skip "promtool is not installed (Debian: prometheus)"
        return
    fi
    promtool check config deploy/prometheus/prometheus.yml
    promtool test rules deploy/prometheus/*.test.yaml
    say "Grafana: the board's queries"
    if ! has python3; then
        skip "python3 is not installed"
        return
    fi
    board_queries >"$scratch/board.json"
    promtool check rules "$scratch/board.json"
}

# Every query of the board as a recording rule (JSON is YAML), its variables filled in.
board_queries() {
    python3 - <<'PYTHON'
import json

board = json.load(open("deploy/grafana/tillwatch.json", encoding="utf-8"))
queries = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
queries += [note["expr"] for note in board["annotations"]["list"] if "expr" in note]
intervals = {"$__rate_interval": "5m", "$__interval": "1m"}
rules = []
for number, query in enumerate(queries):
    for variable, value in intervals.items():
        query = query.replace(variable, value)
    rules.append({"record": f"board:query_{number}", "expr": query})
print(json.dumps({"groups": [{"name": "board", "rules": rules}]}))
PYTHON
}

manifests() {
    say "Kubernetes: manifests"
    if ! has kubectl; then
        skip "kubectl is not installed"
        return
    fi
    local folder
    for folder in base prometheus-operator; do
        kubectl kustomize "deploy/kubernetes/$folder" >"$scratch/$folder.yaml"
    done
    if has kubeconform && [ -n "${KUBECONFORM_SCHEMAS:-}" ]; then
        # The operator's own types are in no schema that kubeconform knows.
        kubeconform -strict -summary -skip PodMonitor,PrometheusRule \
            -schema-location "$KUBECONFORM_SCHEMAS" "$scratch"/*.yaml
    elif has kubernetes-validate; then
        kubernetes-validate --strict "$scratch/base.yaml"
    else
        skip "neither kubeconform with KUBECONFORM_SCHEMAS nor kubernetes-validate (Python) is there to check them"
    fi
}

unit() {
    say "systemd: unit"
    if ! has systemd-analyze; then
        skip "systemd-analyze is not installed"
        return
    fi
    # The program need not be installed here.
    sed 's|^ExecStart=[^ ]*|ExecStart=/bin/true|' deploy/systemd/tillwatch.service \
        >"$scratch/tillwatch.service"
    local said
    said="$(systemd-analyze verify --man=no "$scratch/tillwatch.service" 2>&1)" || true
    # Other units of this machine are no business of ours.
    if grep -F tillwatch.service <<<"$said"; then
        return 1
    fi
    # Exposure in tenths: 20 is what systemd calls "OK", 0 nothing at all.
    if ! systemd-analyze security --offline=yes --threshold=20 "$scratch/tillwatch.service" \
        >"$scratch/security" 2>&1; then
        tail -1 "$scratch/security"
        return 1
    fi
    tail -1 "$scratch/security"
}

compose() {
    say "Docker: compose file"
    if docker compose version >/dev/null 2>&1; then
        docker compose config --quiet
    else
        skip "no docker client with compose here"
    fi
}

rules
manifests
unit
compose
