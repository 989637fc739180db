#!/usr/bin/env bash
# Runs schemathesis (PyPI) over the committed description of the gateway: no server error, no answer that is not described.
# More examples of each route: EXAMPLES=500 openapi.sh
source "$(dirname "$0")/gateway.sh"
command -v schemathesis >/dev/null || { echo "please install it: pip install schemathesis" >&2; exit 1; }
# Without it there is no route for callbacks.
export PIPELINE_PAYMENT_CALLBACK_SECRET=whsec_of_this_check
sale
start
# Not checked: that whatever fits the description is taken. An order may fit it and be for nothing that is sold.
(cd "$folder" && schemathesis run "$root/schemas/openapi/gateway.json" --url "$url" \
    --header "Authorization: Bearer $key" --max-examples "${EXAMPLES:-30}" --seed "${SEED:-1}" \
    --exclude-checks positive_data_acceptance --request-timeout 40 "$@")
settle
