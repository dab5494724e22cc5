#!/usr/bin/env bash
# Makes the virtual environment of the pinned packages. Quiet when all is well; safe to repeat.
# usage: infra/setup.sh VENV LOCKS
set -euo pipefail
venv=$1 locks=$2

fail() { printf 'setup: %s\n' "$1" >&2; exit 1; }

python=
for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
  if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    python=$candidate; break
  fi
done
[ -n "$python" ] || fail "Python 3.11 or newer is missing. Install it (Debian: apt-get install python3 python3-venv), or name one: make PYTHON=/path/to/python3.11"

# A half-made environment (an interrupted run) is made anew.
if ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
  rm -rf "$venv"
  "$python" -m venv "$venv" || fail "the virtual environment could not be made. Debian: apt-get install python3-venv"
fi
"$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r "$locks/uv.txt"
# Where the home folder cannot be written, the cache lies beside what it serves.
if ! mkdir -p "${UV_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/uv}" 2>/dev/null; then
  export UV_CACHE_DIR="$PWD/$venv/.uv-cache"
fi
# A company's own certificate authority is known to the system alone.
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then export UV_SYSTEM_CERTS=true; fi
"$venv/bin/uv" pip sync -q --python "$venv/bin/python" --require-hashes "$locks/uv.txt" "$locks/dev.txt"
"$venv/bin/uv" pip install -q --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
