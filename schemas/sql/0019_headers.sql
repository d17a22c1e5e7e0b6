-- What the headers of Sentry's envelopes and items say that no other column holds; null where that is nothing. Of an item
-- in chunks the first has it. In the order in which workers COPY, as in 0018.

ALTER TABLE attachments
    ADD COLUMN headers          jsonb,
    ADD COLUMN envelope_headers jsonb;

ALTER TABLE error_events
    ADD COLUMN headers          jsonb,
    ADD COLUMN envelope_headers jsonb;

-- `headers` of this table are all of an item's.
ALTER TABLE sentry_items ADD COLUMN envelope_headers jsonb;
