#!/usr/bin/env bash
# Sets the project up in .venv: preflight, virtualenv, hash-pinned packages, the `headwater` command;
# and in node_modules what the browser SDK is built and checked with, where Node.js is there.
# What is there is not done again: the stamps tell what it was made from.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv
stamp=$venv/.made-from
log=$venv/setup.log
locks=(requirements-dev.lock requirements-setup.lock)
disk_min_mb=2500
memory_min_mb=1500

fail() { # what is wrong, how to mend it
    printf '  FAIL  %s\n        fix: %s\n' "$1" "$2" >&2
    exit 1
}

step() { # name, command...
    local name=$1 began=$SECONDS
    shift
    if ! "$@" >>"$log" 2>&1; then
        tail -n 20 "$log" >&2
        fail "$name" "see the lines above ($log has all of them), then run make setup again"
    fi
    printf '  ok    %-71s %5d s\n' "$name" $((SECONDS - began))
}

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python3.14 python; do
        if [ -n "$candidate" ] &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$candidate"
            return
        fi
    done
    fail "no Python 3.11 or newer on the PATH" \
        "install one (Debian: apt-get install python3 python3-venv) or name it: make setup PYTHON=python3.11"
}

preflight() {
    local free_mb memory_kb
    free_mb=$(df -Pk . | awk 'NR == 2 {print int($4 / 1024)}')
    if [ "$free_mb" -lt "$disk_min_mb" ]; then
        fail "$free_mb MB of disk free, needed are $disk_min_mb" "free some, or clone to another disk"
    fi
    if [ -r /proc/meminfo ]; then
        memory_kb=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)
        if [ "$((memory_kb / 1024))" -lt "$memory_min_mb" ]; then
            fail "$((memory_kb / 1024)) MB of memory free, needed are $memory_min_mb" \
                "end other programs"
        fi
    fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python cannot make virtualenvs" "apt-get install python3-venv"
}

made_from() { # what the virtualenv depends on, as a text that changes with it
    pwd
    cksum "${locks[@]}" scripts/setup.sh
    sed -n '/^\[project/,/^\[tool.ruff/p' pyproject.toml | cksum
}

install_packages() {
    # uv takes seconds where pip takes minutes; pip stays for machines on which uv cannot work
    "$venv/bin/uv" pip sync --quiet --require-hashes --python "$venv/bin/python" "${locks[@]}" ||
        "$venv/bin/python" -m pip install --quiet --require-hashes "${locks[@]/#/-r}"
}

install_command() {
    "$venv/bin/python" -m pip install --quiet --no-deps --no-index --no-build-isolation --editable .
}

node_stamp=node_modules/.made-from

set_up_node() { # the packages of the lock, each checked against its hash
    local wanted
    command -v npm >/dev/null || return 0
    wanted=$(pwd && cksum package.json package-lock.json .npmrc sdk/*/package.json tests/clients/package.json)
    if [ -e "$node_stamp" ] && [ "$wanted" = "$(cat "$node_stamp")" ]; then
        return 0
    fi
    node -e 'const [a, b] = process.versions.node.split("."); process.exit(a < 20 || (a == 20 && b < 19) ? 1 : 0)' ||
        fail "Node.js $(node --version) is too old, needed is 20.19" "install a newer one, or take it off the PATH"
    step "packages of the browser SDK" npm ci --no-audit --no-fund --loglevel error
    printf '%s\n' "$wanted" >"$node_stamp"
}

mkdir -p "$venv"
if command -v flock >/dev/null; then
    exec 9>"$venv/.setup.lock" # not .lock, which is uv's
    flock 9 # two makes at once: the second finds the work done
fi
if [ -e "$stamp" ] && [ "$(made_from)" = "$(cat "$stamp")" ]; then
    set_up_node
    exit 0
fi
python=$(find_python)
echo "Setting up .venv with $("$python" --version): about 30 seconds the first time"
preflight
: >"$log"
rm -f "$stamp"
step "virtualenv" "$python" -m venv "$venv"
step "installer (uv)" "$venv/bin/python" -m pip install \
    --quiet --disable-pip-version-check --require-hashes -r requirements-setup.lock
step "packages ($(cat "${locks[@]}" | grep -c ==), pinned by hash)" install_packages
step "the command .venv/bin/headwater" install_command
made_from >"$stamp"
set_up_node
command -v npm >/dev/null ||
    echo "  note  no npm on the PATH: make up works, make check and make test need Node.js 20.19 or newer"
