#!/usr/bin/env bash
# Resolves pyproject.toml into lock files with hashes and without addresses.
# usage: infra/lock.sh UV LOCKS
set -euo pipefail
uv=$1 locks=$2
compile() {
  local out=$1; shift
  "$uv" pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
    --custom-compile-command 'make lock' "$@" -o "$locks/$out"
}
compile uv.txt - <<<'uv==0.13.9
pip==26.2.1'
# The development environment holds everything; what the layer and the container get are subsets of it.
compile dev.txt pyproject.toml --group tasks --group local --group test
compile layer.txt -c "$locks/dev.txt" pyproject.toml
compile tasks.txt -c "$locks/dev.txt" pyproject.toml --group tasks
compile cuda.txt - <<<'nvidia-cublas-cu12'
