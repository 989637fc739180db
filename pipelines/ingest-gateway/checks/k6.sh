#!/usr/bin/env bash
# Runs k6 against the gateway: shoppers who look and order, and programs that send batches; then proves the log.
# Install it by: go install go.k6.io/k6@latest
# A longer run: DURATION=1m RATE=500 k6.sh
source "$(dirname "$0")/gateway.sh"
command -v k6 >/dev/null || { echo "please install it, see the top of $0" >&2; exit 1; }
sale
start
(cd "$folder" && k6 run --quiet --no-usage-report --env "URL=$url" --env "KEY=$key" --env "DURATION=${DURATION:-10s}" \
    --env "RATE=${RATE:-50}" --summary-mode=compact "$here/k6.js")
settle
