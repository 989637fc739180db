-- A view keeps the types it was made with: these two knew the enums before draws had members in them.

CREATE OR REPLACE VIEW decisions AS
SELECT
    partition, sequence, decisions_offset, orders_offset, time, recorded_at, kind, reason, order_id, customer, payment,
    currency, total, tax, deadline, lines, command_id, delta, settings_json
FROM decisions_raw FINAL;

CREATE OR REPLACE VIEW decisions_consistent AS
SELECT * FROM decisions WHERE time < (SELECT cut.time FROM cut);
