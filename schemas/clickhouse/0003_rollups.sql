-- Roll-ups. A span is 8,192 decisions of one ledger. The rows of a span are computed anew from the deduplicated
-- decisions each time the sink has written some of it, and carry in `version` how many decisions of the span they are
-- about. The highest version counts, so whatever is computed twice, or late by a sink that lost its partition, counts
-- once. Adding up over FINAL adds up every decision once.

CREATE TABLE IF NOT EXISTS rollup_orders
(
    partition UInt32,
    span UInt64,
    minute DateTime('UTC'),
    kind LowCardinality(String),
    reason LowCardinality(String),
    currency FixedString(3),
    version UInt32,
    decisions UInt64,
    total Int64,
    tax Int64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (partition, span, minute, kind, reason, currency);

-- Line by line. `units` and `amount` are of taken lines, `awaited` counts lines an order began to wait for.
CREATE TABLE IF NOT EXISTS rollup_lines
(
    partition UInt32,
    span UInt64,
    minute DateTime('UTC'),
    sku String,
    kind LowCardinality(String),
    reason LowCardinality(String),
    currency FixedString(3),
    version UInt32,
    line_count UInt64,
    units_asked Int64,
    units Int64,
    amount Int64,
    awaited UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (partition, span, minute, sku, kind, reason, currency);

-- The stock a SKU had at the end of a minute, by its own ledger, and when in that minute it first had nothing free and
-- when nothing free or held (1970-01-01: it did not).
CREATE TABLE IF NOT EXISTS rollup_stock
(
    partition UInt32,
    span UInt64,
    minute DateTime('UTC'),
    sku String,
    version UInt32,
    sequence UInt64,
    free UInt32,
    held UInt32,
    sold UInt32,
    waiting UInt32,
    none_free_at DateTime64(3, 'UTC'),
    sold_out_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (partition, span, minute, sku);

-- Decisions and money by minute. Kinds that begin with part_ are other ledgers' orders: home has counted them already.
CREATE VIEW IF NOT EXISTS orders_per_minute AS
SELECT minute, kind, reason, currency, sum(decisions) AS decisions, sum(total) AS total, sum(tax) AS tax
FROM (SELECT minute, kind, reason, currency, decisions, total, tax FROM rollup_orders FINAL)
GROUP BY minute, kind, reason, currency;

-- Lines by SKU and minute, with the sale of the SKU; an unknown SKU has none.
CREATE VIEW IF NOT EXISTS skus_per_minute AS
SELECT
    minute, known.sale AS sale, sku, kind, reason, lines.currency AS currency,
    sum(line_count) AS line_count, sum(units_asked) AS units_asked, sum(units) AS units, sum(amount) AS amount,
    sum(awaited) AS awaited
FROM
(
    SELECT minute, sku, kind, reason, currency, line_count, units_asked, units, amount, awaited FROM rollup_lines FINAL
) AS lines
LEFT JOIN (SELECT sku, any(sale) AS sale FROM listings GROUP BY sku) AS known USING (sku)
GROUP BY minute, sale, sku, kind, reason, currency;

-- Stock now, one row a listing.
CREATE VIEW IF NOT EXISTS stock AS
SELECT
    sku, partition, known.sale AS sale, at, sequence, free, held, sold, waiting, none_free_at, sold_out_at
FROM
(
    SELECT
        sku,
        partition,
        argMax(rows.minute, rows.sequence) AS at,
        max(rows.sequence) AS sequence,
        argMax(rows.free, rows.sequence) AS free,
        argMax(rows.held, rows.sequence) AS held,
        argMax(rows.sold, rows.sequence) AS sold,
        argMax(rows.waiting, rows.sequence) AS waiting,
        minIf(rows.none_free_at, rows.none_free_at > toDateTime64(0, 3, 'UTC')) AS none_free_at,
        minIf(rows.sold_out_at, rows.sold_out_at > toDateTime64(0, 3, 'UTC')) AS sold_out_at
    FROM
    (
        SELECT sku, partition, minute, sequence, free, held, sold, waiting, none_free_at, sold_out_at
        FROM rollup_stock FINAL
    ) AS rows
    GROUP BY sku, partition
) AS latest
LEFT JOIN (SELECT sku, any(sale) AS sale FROM listings GROUP BY sku) AS known USING (sku);

-- Stock of each SKU at the end of each minute in which it moved.
CREATE VIEW IF NOT EXISTS stock_per_minute AS
SELECT
    minute,
    sku,
    max(rows.sequence) AS sequence,
    argMax(rows.free, rows.sequence) AS free,
    argMax(rows.held, rows.sequence) AS held,
    argMax(rows.sold, rows.sequence) AS sold,
    argMax(rows.waiting, rows.sequence) AS waiting
FROM (SELECT minute, sku, partition, sequence, free, held, sold, waiting FROM rollup_stock FINAL) AS rows
GROUP BY minute, sku, partition;
