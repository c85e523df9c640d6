#!/usr/bin/env bash
# npm run check: format and lint, types, purity by type, layers, unused code. The cheap ones first.
set -euo pipefail
cd "$(dirname "$0")/.."
step() { printf '\n== %s\n' "$1"; shift; "$@"; }
step 'format and lint' node_modules/.bin/biome check --error-on-warnings .
step 'types' node_modules/.bin/tsc
step 'purity: no Node, no timers, no console in the pure layers' node_modules/.bin/tsc -p tsconfig.pure.json
step 'layers' node_modules/.bin/depcruise --config .dependency-cruiser.mjs src lab bench test
step 'unused code' node_modules/.bin/knip
