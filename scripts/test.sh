#!/usr/bin/env bash
# npm test: installs what is missing, runs every test, and closes with one line that counts them.
#   npm test                      everything
#   npm test -- unit              one project: unit, host or lab
#   npm test -- unit src/net      ... and only files whose path contains the words
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/setup.sh
mkdir -p .cache
args=(run --reporter=default --reporter=json --outputFile.json=.cache/tests.json)
case "${1:-}" in
  unit | host | lab) args+=(--project "$1"); shift ;;
esac
status=0
node_modules/.bin/vitest "${args[@]}" "$@" || status=$?
node scripts/count-tests.mjs .cache/tests.json || status=1
exit "$status"
