#!/usr/bin/env bash
# Speaks to the gateway by grpcurl, which learns from reflection what there is.
# Install it by: go install github.com/fullstorydev/grpcurl/cmd/grpcurl@latest
source "$(dirname "$0")/gateway.sh"
command -v grpcurl >/dev/null || { echo "please install it, see the top of $0" >&2; exit 1; }
sale
start
address="${url#http://}"

fail() { echo "failed: $1" >&2; printf '%s\n' "$said" >&2; exit 1; }
# Calls with a time limit; what is said on both outputs is in `said`, and whether it went well in `went`.
call() { if said="$(grpcurl -plaintext -max-time 20 "$@" 2>&1)"; then went=well; else went=wrong; fi; }
says() { [[ "$said" == *"$1"* ]] || fail "\"$1\" is not said"; echo "ok: $1"; }
well() { [ "$went" = well ] || fail "the call went wrong"; }
wrong() { [ "$went" = wrong ] || fail "the call should have been refused"; }

call "$address" list
well; says doorbuster.orders.v1.OrderService; says doorbuster.orders.v1.ListingService
for name in admin.v1.AdminService catalogue.v1.CatalogueService people.v1.AccountService people.v1.CartService \
    people.v1.SessionService people.v1.SubscriptionService rooms.v1.RoomService; do
    says "doorbuster.$name"
done
call "$address" describe doorbuster.orders.v1.NewOrder
well; says order_id
call "$address" grpc.health.v1.Health/Check
well; says SERVING
call -d '{"sku": "PLENTY"}' "$address" doorbuster.orders.v1.ListingService/GetListing
well; says LISTING_STATE_OPEN
call -d '{"text": "lamp"}' "$address" doorbuster.catalogue.v1.CatalogueService/SearchProducts
well
call -d '{"sku": "NONE"}' "$address" doorbuster.catalogue.v1.CatalogueService/GetProduct
wrong; says NotFound; says product_unknown
# This gateway has no tables, and so no accounts.
call -d '{"email": "a@example.org", "password": "b"}' "$address" doorbuster.people.v1.SessionService/LogIn
wrong; says Unimplemented; says no_such_resource

mine=(-H "authorization: Bearer $key")
service=doorbuster.orders.v1.OrderService
order='{"order": {"order_id": "00000000-0000-0000-0000-0000000000aa", "lines": [{"sku": "PLENTY", "quantity": 2}]}}'
call "${mine[@]}" -d "$order" "$address" $service/PlaceOrder
well; says ORDER_STATE_ACCEPTED
call -d "$order" "$address" $service/PlaceOrder
wrong; says Unauthenticated; says not_identified
call "${mine[@]}" -d "${order/PLENTY/NONE}" "$address" $service/PlaceOrder
wrong; says AlreadyExists; says order_id_reused
other="${order/0000aa/0000bb}"
call "${mine[@]}" -d "${other/PLENTY/NONE}" "$address" $service/PlaceOrder
wrong; says FailedPrecondition; says stock_short
call "${mine[@]}" -d '{"order": {"lines": [{"sku": "PLENTY", "quantity": 0}]}}' "$address" $service/PlaceOrder
wrong; says InvalidArgument; says quantity_not_positive
batch='{"idempotency_key": "b", "order": {"lines": [{"sku": "PLENTY", "quantity": 1}]}}'
call "${mine[@]}" -d "$batch $batch $batch" "$address" $service/PlaceOrders
well; says '"results"'
[ "$(grep -c orderId <<<"$said")" = 3 ] || fail "three orders were sent"
call "${mine[@]}" -d '{"order_id": "00000000-0000-0000-0000-0000000000aa"}' "$address" $service/GetOrder
well; says 0000000000aa
call "${mine[@]}" -max-time 1 -d '{"order_id": "00000000-0000-0000-0000-0000000000aa"}' "$address" $service/WatchOrder
wrong; says DeadlineExceeded

admin=doorbuster.admin.v1.AdminService
rooms=doorbuster.rooms.v1.RoomService
lamps='{"sale": {"name": "evening", "currency": "EUR", "room": {}, "listings": [{"sku": "LAMP", "stock": 3, "prices": [{"unit_price": 900}]}]}}'
call -d "$lamps" "$address" $admin/ApplySale
wrong; says Unauthenticated
call "${mine[@]}" -d "$lamps" "$address" $admin/ApplySale
well; says '"action": "ACTION_OPEN"'; says LAMP
call "${mine[@]}" -d '{"sku": "PLENTY", "restock": "5"}' "$address" $admin/TellListing
well; says ACTION_RESTOCK
call "${mine[@]}" -d '{"sku": "PLENTY"}' "$address" $admin/TellListing
wrong; says InvalidArgument; says bad_field
call "${mine[@]}" -d '{"sale": "evening"}' "$address" $rooms/EnterRoom
well; says roomToken
call "${mine[@]}" -d '{"sale": "morning"}' "$address" $rooms/EnterRoom
wrong; says NotFound; says no_such_room
call "${mine[@]}" -d '{"sale": "evening", "close": {}}' "$address" $admin/TellRoom
well; says ACTION_CLOSE
call "${mine[@]}" -d '{"sale": "evening"}' "$address" $rooms/WatchPlace
well; says PLACE_STATE_CLOSED

settle
# Once more, now that all is decided.
start
address="${url#http://}"
call "${mine[@]}" -d '{"order_id": "00000000-0000-0000-0000-0000000000aa"}' "$address" $service/GetOrder
well; says ORDER_STATE_HELD
call "${mine[@]}" "$address" $service/ListMyOrders
well; [ "$(grep -c orderId <<<"$said")" = 4 ] || fail "four orders were placed"
call "${mine[@]}" -max-time 2 -d '{"order_id": "00000000-0000-0000-0000-0000000000aa"}' "$address" $service/WatchOrder
says ORDER_EVENT_KIND_HELD
call -d '{"name": "evening"}' "$address" doorbuster.orders.v1.ListingService/GetSale
well; says LAMP
echo "gRPC is as it should be"
