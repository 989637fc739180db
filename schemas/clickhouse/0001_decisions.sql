-- Every decision, one row each, as it lies on the topic `decisions`. Times are UTC with milliseconds; amounts are minor
-- units; an id, a time or a payment that there is none of is zero; a reason that there is none of is empty.
--
-- A decision may be inserted any number of times: rows of one (partition, sequence) are the same row. Ask the view
-- `decisions`, which shows each once, and not the table.

CREATE TABLE IF NOT EXISTS decisions_raw
(
    -- The ledger, and the decision's dense number there, from 1.
    partition UInt32,
    sequence UInt64 CODEC(Delta, LZ4),
    -- Where it lies on `decisions`, and the record on `orders` that caused it.
    decisions_offset UInt64 CODEC(Delta, LZ4),
    orders_offset UInt64 CODEC(Delta, LZ4),
    -- The ledger's time, which never runs backwards within a ledger; the time of the record on `decisions`.
    time DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    recorded_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    -- What was decided; for customers, a reason says that the command was refused.
    kind Enum8(
        'reserving' = 1, 'held' = 2, 'waiting' = 3, 'rejected' = 4, 'extended' = 5, 'paid' = 6, 'cancelled' = 7,
        'declined' = 8, 'expired' = 9, 'turned_away' = 10, 'refund' = 11, 'refused' = 12, 'part_taken' = 13,
        'part_refused' = 14, 'part_paid' = 15, 'part_released' = 16, 'listing_opened' = 65, 'listing_changed' = 66,
        'listing_restocked' = 67, 'listing_paused' = 68, 'listing_resumed' = 69, 'listing_closed' = 70,
        'listing_refused' = 71, 'customer_blocked' = 97, 'customer_unblocked' = 98),
    reason Enum16(
        '' = 0, 'order_id_reused' = 1, 'customer_blocked' = 2, 'no_lines' = 3, 'too_many_lines' = 4,
        'quantity_not_positive' = 5, 'quantity_too_large' = 6, 'sku_repeated' = 7, 'ledger_full' = 8,
        'listing_unknown' = 20, 'listing_closed' = 21, 'listing_not_open' = 22, 'listing_paused' = 23,
        'currency_foreign' = 24, 'limit_per_customer' = 25, 'stock_short' = 30, 'waitlist_full' = 31,
        'order_unknown' = 40, 'customer_differs' = 41, 'order_ended' = 42, 'not_held' = 43,
        'extensions_spent' = 44, 'paid_already' = 50, 'amount_differs' = 51, 'listing_exists' = 60,
        'settings_invalid' = 61, 'stock_below_zero' = 62, 'stock_too_large' = 63, 'too_many_listings' = 64,
        'too_many_changes' = 65, 'too_many_blocked' = 66),
    -- Of orders.
    order_id UUID,
    customer UUID,
    payment UUID,
    currency FixedString(3),
    total Int64,
    tax Int64,
    deadline DateTime64(3, 'UTC'),
    -- The lines of an order, those of other ledgers without stock; for a listing, one line that carries its stock.
    lines Array(Tuple(
        sku String,
        quantity Int32,
        state Enum8('none' = 0, 'asked' = 1, 'taken' = 2, 'left_out' = 3, 'awaited' = 4),
        unit_price Int64,
        has_stock Bool,
        free UInt32,
        held UInt32,
        sold UInt32,
        waiting UInt32)),
    -- Of listings: the command, the units added, the settings as JSON where they are new. Customers have a command too.
    command_id UUID,
    delta Int64,
    settings_json String,
    -- Which version of the sink wrote the row: a newer one's row stays.
    encoding UInt8,
    INDEX time_range time TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(encoding)
ORDER BY (partition, sequence);

CREATE VIEW IF NOT EXISTS decisions AS
SELECT
    partition, sequence, decisions_offset, orders_offset, time, recorded_at, kind, reason, order_id, customer, payment,
    currency, total, tax, deadline, lines, command_id, delta, settings_json
FROM decisions_raw FINAL;

-- How far each partition is in all tables, written after them. The highest number of each column counts, so a late or
-- repeated row changes nothing. `last_row` is the highest sequence that `decisions_raw` has to hold; `time` says that
-- every decision before it is here.
CREATE TABLE IF NOT EXISTS progress
(
    partition UInt32,
    sequence SimpleAggregateFunction(max, UInt64),
    next_offset SimpleAggregateFunction(max, UInt64),
    last_row SimpleAggregateFunction(max, UInt64),
    time SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY partition;
