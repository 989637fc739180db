-- Views that answer what people ask. All of them read roll-ups or `order_state`, but for `bought_together`.

-- Money by currency: what was paid, and what was given back because it bought nothing (which `gross` never held).
CREATE VIEW IF NOT EXISTS revenue AS
SELECT
    currency,
    sumIf(decisions, kind = 'paid') AS orders,
    sumIf(total, kind = 'paid') AS gross,
    sumIf(tax, kind = 'paid') AS tax_included,
    gross - tax_included AS net,
    sumIf(decisions, kind = 'refund') AS refunds,
    sumIf(total, kind = 'refund') AS refunded
FROM orders_per_minute
WHERE kind IN ('paid', 'refund')
GROUP BY currency;

-- Who was refused, why, and where. One order that names two SKUs is counted at both.
CREATE VIEW IF NOT EXISTS rejections AS
SELECT sale, sku, reason, sum(line_count) AS orders, sum(units_asked) AS units_asked
FROM skus_per_minute
WHERE kind IN ('rejected', 'turned_away')
GROUP BY sale, sku, reason;

-- What each sale has sold.
CREATE VIEW IF NOT EXISTS sales AS
SELECT
    sale,
    currency,
    sumIf(units, kind = 'paid') AS units_paid,
    sumIf(amount, kind = 'paid') AS gross,
    sumIf(line_count, kind = 'held') AS lines_held,
    sumIf(line_count, kind = 'paid') AS lines_paid,
    sumIf(line_count, kind = 'expired') AS lines_expired,
    sumIf(line_count, kind = 'rejected') AS lines_rejected
FROM skus_per_minute
WHERE sale != ''
GROUP BY sale, currency;

-- Orders placed, held, paid, by the day they were placed.
CREATE VIEW IF NOT EXISTS funnel AS
SELECT
    toDate(placed_at) AS day,
    count() AS placed,
    countIf(ever_waited) AS waited,
    countIf(ever_held) AS held,
    countIf(state = 'paid') AS paid
FROM order_state
GROUP BY day;

-- The same by sale; an order that names SKUs of two sales is counted in both.
CREATE VIEW IF NOT EXISTS funnel_per_sale AS
SELECT
    known.sale AS sale,
    uniqExact(orders.order_id, orders.partition) AS placed,
    uniqExactIf((orders.order_id, orders.partition), orders.ever_waited) AS waited,
    uniqExactIf((orders.order_id, orders.partition), orders.ever_held) AS held,
    uniqExactIf((orders.order_id, orders.partition), orders.state = 'paid') AS paid
FROM
(
    SELECT order_id, partition, ever_waited, ever_held, state, arrayJoin(skus) AS sku FROM order_state
) AS orders
INNER JOIN (SELECT sku, any(sale) AS sale FROM listings GROUP BY sku) AS known USING (sku)
GROUP BY sale;

-- The waitlist of each SKU. An order of several lines is counted at each SKU it names.
CREATE VIEW IF NOT EXISTS waitlist AS
SELECT
    orders.sku AS sku,
    count() AS waited,
    countIf(orders.state = 'waiting') AS waiting_now,
    countIf(orders.ever_held) AS served,
    countIf(orders.state = 'turned_away') AS turned_away,
    countIf(orders.state = 'cancelled' AND NOT orders.ever_held) AS left,
    quantileExactIf(0.5)(dateDiff('second', orders.placed_at, orders.held_at), orders.ever_held) AS median_wait_s
FROM
(
    SELECT arrayJoin(skus) AS sku, state, ever_held, placed_at, held_at FROM order_state WHERE ever_waited
) AS orders
GROUP BY sku;

-- What became of holds, by SKU.
CREATE VIEW IF NOT EXISTS holds AS
SELECT
    sku,
    sumIf(line_count, kind = 'held') AS held,
    sumIf(line_count, kind = 'extended') AS extended,
    sumIf(line_count, kind = 'paid') AS paid,
    sumIf(line_count, kind = 'expired') AS expired,
    sumIf(line_count, kind = 'declined') AS declined,
    sumIf(units, kind = 'expired') AS units_expired
FROM skus_per_minute
GROUP BY sku
HAVING held > 0;

-- Holds that are open, by the minute in which they fall due.
CREATE VIEW IF NOT EXISTS holds_due AS
SELECT toStartOfMinute(deadline) AS minute, currency, count() AS orders, sum(order_state.total) AS total
FROM order_state
WHERE state = 'held'
GROUP BY minute, currency;

-- One row a listing: how many orders named it, how many of them paid, and how long it took to sell out.
CREATE VIEW IF NOT EXISTS listing_results AS
SELECT
    listings.sku AS sku,
    listings.sale AS sale,
    listings.units AS units,
    stock.sold AS sold,
    stock.free AS free,
    orders.placed AS placed,
    orders.paid AS paid,
    if(orders.placed = 0, 0, orders.paid / orders.placed) AS conversion,
    greatest(listings.opened_at, listings.opens_at) AS open_from,
    stock.sold_out_at > toDateTime64(0, 3, 'UTC') AS sold_out,
    if(sold_out, dateDiff('millisecond', open_from, stock.sold_out_at) / 1000, NULL) AS seconds_to_sell_out,
    if(stock.none_free_at > toDateTime64(0, 3, 'UTC'),
        dateDiff('millisecond', open_from, stock.none_free_at) / 1000, NULL) AS seconds_to_last_hold
FROM listings
LEFT JOIN stock ON stock.sku = listings.sku AND stock.partition = listings.partition
LEFT JOIN
(
    SELECT arrayJoin(skus) AS sku, count() AS placed, countIf(state = 'paid') AS paid FROM order_state GROUP BY sku
) AS orders ON orders.sku = listings.sku;

-- Pairs of SKUs in paid orders, each pair once with the smaller SKU first.
CREATE VIEW IF NOT EXISTS bought_together AS
SELECT pair.1 AS sku, pair.2 AS other, count() AS orders
FROM
(
    SELECT arraySort(arrayMap(line -> line.sku, arrayFilter(line -> line.state = 'taken', lines))) AS taken
    FROM decisions
    WHERE kind = 'paid' AND length(lines) > 1
)
ARRAY JOIN arrayFlatten(arrayMap(
    (a, at) -> arrayMap(b -> (a, b), arraySlice(taken, at + 1)), taken, arrayEnumerate(taken))) AS pair
GROUP BY sku, other;
