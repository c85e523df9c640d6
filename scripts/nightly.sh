#!/usr/bin/env bash
# npm run test:nightly: the searches that have no end, far longer than `npm test` has time for: random resources and packets
# against the naive evaluator, the compiler and the kernel, random changes, and random bytes. Another seed every day; it is
# printed first, and a failure is found again with it. More paths narrow what is run.
#   CAUSEWAY_PROPERTY_RUNS    networks of each sort, about 20 packets each (6000: 240,000 pairs)
#   CAUSEWAY_SAMPLE_NETWORKS  networks of each sort for the kernel, about 40 packets each (500)
#   CAUSEWAY_PROPERTY_SEED    where the searches begin (today's date)
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/setup.sh
mkdir -p .cache
export CAUSEWAY_PROPERTY_RUNS="${CAUSEWAY_PROPERTY_RUNS:-6000}"
export CAUSEWAY_SAMPLE_NETWORKS="${CAUSEWAY_SAMPLE_NETWORKS:-500}"
export CAUSEWAY_PROPERTY_SEED="${CAUSEWAY_PROPERTY_SEED:-$(date +%Y%m%d)}"
export CAUSEWAY_PROPERTY_TELL=1
if [ "$#" -eq 0 ]; then
  set -- test/properties src/resources/document.property test/host/nftables/resource-sample test/host/policy
fi
echo "CAUSEWAY_PROPERTY_SEED=$CAUSEWAY_PROPERTY_SEED CAUSEWAY_PROPERTY_RUNS=$CAUSEWAY_PROPERTY_RUNS CAUSEWAY_SAMPLE_NETWORKS=$CAUSEWAY_SAMPLE_NETWORKS"
status=0
node_modules/.bin/vitest run --reporter=default --reporter=json --outputFile.json=.cache/nightly.json "$@" || status=$?
node scripts/count-tests.mjs .cache/nightly.json || status=1
exit "$status"
