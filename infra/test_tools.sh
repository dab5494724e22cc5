#!/usr/bin/env bash
# Finds, or installs, the system's ffmpeg and ffprobe: with them the tests make recordings and read what the tasks made
# of them. The tasks themselves use the pinned ones of the virtual environment. Quiet when all is well; safe to repeat.
set -euo pipefail

fail() { printf 'setup: %s\n' "$1" >&2; exit 1; }

if command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null; then exit; fi
cure='the tests need ffmpeg. Install it: apt-get install ffmpeg (macOS: brew install ffmpeg), then run this again.'
if ! command -v apt-get >/dev/null; then fail "$cure"; fi
if [ "$(id -u)" = 0 ]; then as_root=(); elif sudo -n true 2>/dev/null; then as_root=(sudo -n); else fail "$cure"; fi
echo 'setup: installing ffmpeg' >&2
"${as_root[@]}" apt-get update -qq >/dev/null
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ffmpeg >/dev/null 2>&1 || fail "$cure"
