#!/usr/bin/env bash
# npm run demo: the hybrid example in network namespaces, checked, broken, and left for you to look at until Ctrl-C.
#   ONCE=1 npm run demo     ends when all is checked
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/setup.sh
arguments=(lab demo examples/hybrid)
[ "${ONCE:-}" = 1 ] && arguments+=(--once)
exec ./bin/causeway "${arguments[@]}"
