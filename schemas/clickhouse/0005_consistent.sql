-- Views that cut all partitions at one time: the smallest of the times the partitions have reached. What one partition
-- shows of an order, no other has yet to tell. See connectors/sink-clickhouse/README.md on partitions that fall silent.

CREATE VIEW IF NOT EXISTS cut AS
SELECT min(reached) AS time, argMin(partition, reached) AS waits_for, count() AS partitions
FROM (SELECT partition, progress.time AS reached FROM progress FINAL);

CREATE VIEW IF NOT EXISTS decisions_consistent AS
SELECT * FROM decisions WHERE time < (SELECT cut.time FROM cut);

CREATE VIEW IF NOT EXISTS order_state_consistent AS
SELECT
    order_id,
    partition,
    any(d.customer) AS customer,
    any(d.currency) AS currency,
    any(d.lines.sku) AS skus,
    transform(toInt8(argMax(d.kind, d.sequence)), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        ['reserving', 'held', 'waiting', 'rejected', 'held', 'paid', 'cancelled', 'declined', 'expired', 'turned_away'],
        '') AS state,
    max(d.total) AS total,
    max(d.tax) AS tax,
    countIf(d.kind = 'waiting') > 0 AS ever_waited,
    countIf(d.kind = 'held') > 0 AS ever_held,
    min(d.time) AS placed_at,
    max(d.sequence) AS last_sequence
FROM decisions_consistent AS d
WHERE toInt8(d.kind) <= 10
GROUP BY order_id, partition;

CREATE VIEW IF NOT EXISTS revenue_consistent AS
SELECT
    currency,
    countIf(d.kind = 'paid') AS orders,
    sumIf(d.total, d.kind = 'paid') AS gross,
    sumIf(d.tax, d.kind = 'paid') AS tax_included,
    gross - tax_included AS net,
    countIf(d.kind = 'refund') AS refunds,
    sumIf(d.total, d.kind = 'refund') AS refunded
FROM decisions_consistent AS d
WHERE d.kind IN ('paid', 'refund')
GROUP BY currency;

CREATE VIEW IF NOT EXISTS funnel_consistent AS
SELECT
    toDate(placed_at) AS day,
    count() AS placed,
    countIf(ever_waited) AS waited,
    countIf(ever_held) AS held,
    countIf(state = 'paid') AS paid
FROM order_state_consistent
GROUP BY day;

CREATE VIEW IF NOT EXISTS stock_consistent AS
SELECT
    line.sku AS sku,
    partition,
    max(sequence) AS sequence,
    argMax(line.free, d.sequence) AS free,
    argMax(line.held, d.sequence) AS held,
    argMax(line.sold, d.sequence) AS sold,
    argMax(line.waiting, d.sequence) AS waiting
FROM decisions_consistent AS d
ARRAY JOIN lines AS line
WHERE line.has_stock
GROUP BY sku, partition;

-- Whole minutes only.
CREATE VIEW IF NOT EXISTS orders_per_minute_consistent AS
SELECT * FROM orders_per_minute WHERE minute < (SELECT toStartOfMinute(cut.time) FROM cut);

CREATE VIEW IF NOT EXISTS skus_per_minute_consistent AS
SELECT * FROM skus_per_minute WHERE minute < (SELECT toStartOfMinute(cut.time) FROM cut);
