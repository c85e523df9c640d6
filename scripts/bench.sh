#!/usr/bin/env bash
# npm run bench: installs what is missing, then measures inside namespaces of its own; see docs/design/benchmarks.md.
#   npm run bench                          everything, some minutes
#   npm run bench -- --quick               small sizes, few rounds
#   npm run bench -- --only forwarding     one part; --help for the rest
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "$(id -u)" -ne 0 ]; then
  echo "bench: needs root, for network namespaces, BPF and nftables; run: sudo npm run bench" >&2
  exit 1
fi
bash scripts/setup.sh
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
node_modules/.bin/esbuild bench/main.ts --bundle --platform=node --format=esm --packages=external --sourcemap=inline \
  --log-level=warning --outfile=.cache/bench/main.mjs

# Whoever ends this script ends all of it: setpriv has the kernel kill unshare when this shell dies, --kill-child has it
# kill node when unshare dies, and with node, process 1 of its namespace, goes everything else. unshare blocks SIGINT and
# SIGTERM, hence SIGKILL here.
setpriv --pdeathsig KILL unshare --net --mount --pid --fork --kill-child --mount-proc \
  node --enable-source-maps --expose-gc .cache/bench/main.mjs "$@" &
sandbox=$!
trap 'kill -KILL "$sandbox" 2>/dev/null || true; exit 130' INT TERM HUP
wait "$sandbox"
