-- Draws: an order may enter one, a listing's seed may be revealed, and either may be refused for reasons of its own. An
-- enum with more members is the same bytes, so that nothing is written anew.

ALTER TABLE decisions_raw
    MODIFY COLUMN kind Enum8(
        'reserving' = 1, 'held' = 2, 'waiting' = 3, 'rejected' = 4, 'extended' = 5, 'paid' = 6, 'cancelled' = 7,
        'declined' = 8, 'expired' = 9, 'turned_away' = 10, 'refund' = 11, 'refused' = 12, 'part_taken' = 13,
        'part_refused' = 14, 'part_paid' = 15, 'part_released' = 16, 'entered' = 17, 'listing_opened' = 65,
        'listing_changed' = 66, 'listing_restocked' = 67, 'listing_paused' = 68, 'listing_resumed' = 69,
        'listing_closed' = 70, 'listing_refused' = 71, 'listing_revealed' = 72, 'customer_blocked' = 97,
        'customer_unblocked' = 98),
    MODIFY COLUMN reason Enum16(
        '' = 0, 'order_id_reused' = 1, 'customer_blocked' = 2, 'no_lines' = 3, 'too_many_lines' = 4,
        'quantity_not_positive' = 5, 'quantity_too_large' = 6, 'sku_repeated' = 7, 'ledger_full' = 8,
        'listing_unknown' = 20, 'listing_closed' = 21, 'listing_not_open' = 22, 'listing_paused' = 23,
        'currency_foreign' = 24, 'limit_per_customer' = 25, 'draw_only_alone' = 26, 'stock_short' = 30,
        'waitlist_full' = 31, 'draw_full' = 32, 'not_drawn' = 33,
        'order_unknown' = 40, 'customer_differs' = 41, 'order_ended' = 42, 'not_held' = 43,
        'extensions_spent' = 44, 'paid_already' = 50, 'amount_differs' = 51, 'listing_exists' = 60,
        'settings_invalid' = 61, 'stock_below_zero' = 62, 'stock_too_large' = 63, 'too_many_listings' = 64,
        'too_many_changes' = 65, 'too_many_blocked' = 66, 'draw_not_open' = 67, 'seed_differs' = 68);

-- What has entered a draw and is not decided is `entered`.
CREATE OR REPLACE VIEW order_state AS
SELECT
    order_id,
    partition,
    customer,
    currency,
    skus,
    transform(bitAnd(last, 255), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17],
        ['reserving', 'held', 'waiting', 'rejected', 'held', 'paid', 'cancelled', 'declined', 'expired', 'turned_away',
        'entered'],
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

CREATE OR REPLACE VIEW order_state_consistent AS
SELECT
    order_id,
    partition,
    any(d.customer) AS customer,
    any(d.currency) AS currency,
    any(d.lines.sku) AS skus,
    transform(toInt8(argMax(d.kind, d.sequence)), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17],
        ['reserving', 'held', 'waiting', 'rejected', 'held', 'paid', 'cancelled', 'declined', 'expired', 'turned_away',
        'entered'],
        '') AS state,
    max(d.total) AS total,
    max(d.tax) AS tax,
    countIf(d.kind = 'waiting') > 0 AS ever_waited,
    countIf(d.kind = 'held') > 0 AS ever_held,
    min(d.time) AS placed_at,
    max(d.sequence) AS last_sequence
FROM decisions_consistent AS d
WHERE toInt8(d.kind) IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17)
GROUP BY order_id, partition;
