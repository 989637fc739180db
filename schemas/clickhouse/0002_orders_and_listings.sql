-- What became of each order, from the decisions of its home ledger alone: parts in other ledgers are theirs to tell.
-- Every column is a maximum, a minimum or a union, so a decision that comes in twice, late or out of order changes
-- nothing. `last` is sequence * 256 + kind.
--
-- Ask the view `order_state`.

CREATE TABLE IF NOT EXISTS order_facts
(
    order_id UUID,
    partition UInt32,
    customer SimpleAggregateFunction(max, UUID),
    currency SimpleAggregateFunction(max, FixedString(3)),
    skus SimpleAggregateFunction(max, Array(String)),
    seen SimpleAggregateFunction(groupBitOr, UInt32),
    first_sequence SimpleAggregateFunction(min, UInt64),
    last SimpleAggregateFunction(max, UInt64),
    reason SimpleAggregateFunction(max, LowCardinality(String)),
    total SimpleAggregateFunction(max, Int64),
    tax SimpleAggregateFunction(max, Int64),
    placed_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    waiting_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    held_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    ended_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    deadline SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (order_id, partition);

-- One row an order. `total` and `tax` are of the lines it has or had taken; `partition` is its home, where its decisions
-- lie between `first_sequence` and `last_sequence`. A time that has not come is 1970-01-01.
CREATE VIEW IF NOT EXISTS order_state AS
SELECT
    order_id,
    partition,
    customer,
    currency,
    skus,
    transform(bitAnd(last, 255), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        ['reserving', 'held', 'waiting', 'rejected', 'held', 'paid', 'cancelled', 'declined', 'expired', 'turned_away'],
        '') AS state,
    if(state IN ('rejected', 'turned_away'), toString(reason), '') AS why,
    total,
    tax,
    bitTest(seen, 3) AS ever_waited,
    bitTest(seen, 2) AS ever_held,
    placed_at,
    waiting_at,
    held_at,
    ended_at,
    deadline,
    first_sequence,
    bitShiftRight(last, 8) AS last_sequence
FROM order_facts FINAL;

-- What happened to listings: few rows, kept apart so that nobody has to look for them among the orders.
CREATE TABLE IF NOT EXISTS listing_events
(
    partition UInt32,
    sequence UInt64,
    time DateTime64(3, 'UTC'),
    sku String,
    kind LowCardinality(String),
    reason LowCardinality(String),
    delta Int64,
    settings_json String
)
ENGINE = ReplacingMergeTree
ORDER BY (partition, sequence);

-- One row a listing, with the sale it belongs to and its settings as they are now.
CREATE VIEW IF NOT EXISTS listings AS
SELECT
    sku,
    partition,
    JSONExtractString(settings, 'sale') AS sale,
    JSONExtractString(settings, 'currency') AS currency,
    fromUnixTimestamp64Milli(JSONExtractInt(settings, 'opens_at_ms'), 'UTC') AS opens_at,
    fromUnixTimestamp64Milli(JSONExtractInt(settings, 'closes_at_ms'), 'UTC') AS closes_at,
    JSONExtractUInt(settings, 'limit_per_customer') AS limit_per_customer,
    JSONExtractUInt(settings, 'hold_ms') AS hold_ms,
    JSONExtractUInt(settings, 'waitlist_max') AS waitlist_max,
    JSONExtractUInt(settings, 'tax_bp') AS tax_bp,
    settings,
    opened_at,
    closed_at,
    units
FROM
(
    SELECT
        sku,
        partition,
        argMaxIf(settings_json, sequence, settings_json != '') AS settings,
        maxIf(time, kind = 'listing_opened') AS opened_at,
        maxIf(time, kind = 'listing_closed') AS closed_at,
        sum(delta) AS units
    FROM listing_events FINAL
    WHERE reason = ''
    GROUP BY sku, partition
)
WHERE settings != '';
