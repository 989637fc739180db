# Starts a gateway on a log of its own in a temporary folder, and stops it when the script that read this one ends.
#
# Sets: pipeline (the program), folder (where log and configuration are), url, key (a program that may do everything).
# DOORBUSTER names a built `pipeline`; left out, it is built here.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../../.." && pwd)"
if [ -n "${DOORBUSTER:-}" ]; then
    pipeline="$DOORBUSTER"
else
    (cd "$root" && cargo build -q --bin pipeline)
    pipeline="$(cd "$root" && cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug/pipeline"
fi

folder="$(mktemp -d)"
gateway=
stop() {
    if [ -n "$gateway" ]; then
        kill "$gateway" 2>/dev/null || true
        wait "$gateway" || true
        gateway=
    fi
}
trap 'stop; rm -rf "$folder"' EXIT

# One listing of plenty, and one that is sold out at once.
sale() {
    cp "$here/sale.toml" "$folder/sale.toml"
    (cd "$folder" && "$pipeline" topic create && "$pipeline" sale apply sale.toml --no-wait \
        && "$pipeline" worker run --once) >"$folder/prepare.log" 2>&1 || { cat "$folder/prepare.log" >&2; exit 1; }
    key="$(cd "$folder" && "$pipeline" gateway key --role producer --role admin -o json | sed -n 's/.*"key": "\(.*\)".*/\1/p')"
}

start() {
    (cd "$folder" && exec "$pipeline" gateway run --listen 127.0.0.1:0 --set gateway_address_per_second=100000 \
        --set gateway_customer_per_second=100000 "$@") >"$folder/gateway.out" 2>"$folder/gateway.log" &
    gateway=$!
    for _ in $(seq 100); do
        url="$(sed -n 's/.*taking orders at \(http:[^;]*\);.*/\1/p' "$folder/gateway.log")"
        if [ -n "$url" ] && curl -fsS "$url/readyz" >/dev/null 2>&1; then
            return
        fi
        kill -0 "$gateway" 2>/dev/null || break
        sleep 0.1
    done
    cat "$folder/gateway.log" >&2
    echo "the gateway did not get ready" >&2
    exit 1
}

# Stops the gateway, has everything decided, and proves that all that was acknowledged was decided rightly.
settle() {
    stop
    (cd "$folder" && "$pipeline" worker run --once >/dev/null && "$pipeline" prove)
}
