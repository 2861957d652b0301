#!/usr/bin/env bash
# Resolves pyproject.toml into the three locks: hashes for every platform, no registry's address.
# Keeps the versions that are locked already; UPGRADE=1 takes the newest that the ranges allow.
set -euo pipefail
cd "$(dirname "$0")/.."

upgrade=()
if [ "${UPGRADE:-}" = 1 ]; then
    upgrade=(--upgrade)
fi

resolve() { # output, further arguments
    local output=$1
    shift
    .venv/bin/uv pip compile "$@" --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-annotate --no-header --quiet "${upgrade[@]}" \
        --output-file "$output"
    echo "  $output: $(grep -c == "$output") distributions"
}

resolve requirements.lock pyproject.toml
# what the tests run with is what production runs with
resolve requirements-dev.lock pyproject.toml --group dev --constraint requirements.lock
resolve requirements-setup.lock --group setup --constraint requirements-dev.lock
