-- Sentry's categories: on what is kept, and counted by what became of it.

-- What the item is limited and counted as; null where its type belongs to no category.
ALTER TABLE sentry_items ADD COLUMN category text;

-- What became of items, by the minute: `accepted` ones that were stored, and by receipt; what clients report that they
-- did not send (`client_discard`, `rate_limited`, `filtered`, `filtered_sampling`) for their reason, by the time that the
-- report names; `ignored` parts of envelopes that could not be read. Keyed by partition, as events_by_minute is.
CREATE TABLE sentry_outcomes (
    environment text NOT NULL,
    part        integer NOT NULL,
    minute      timestamptz NOT NULL,
    outcome     text NOT NULL,
    reason      text NOT NULL,
    category    text NOT NULL,
    quantity    bigint NOT NULL,
    PRIMARY KEY (environment, part, minute, outcome, reason, category)
) WITH (fillfactor = 50);

-- As before, and what was counted of Sentry's items.
CREATE OR REPLACE FUNCTION forget_environment(of_environment text) RETURNS void LANGUAGE sql AS $$
    DELETE FROM resources WHERE environment = of_environment;
    DELETE FROM dead_letters WHERE environment = of_environment;
    DELETE FROM events_by_minute WHERE environment = of_environment;
    DELETE FROM sentry_outcomes WHERE environment = of_environment;
    DELETE FROM sentry_seen WHERE environment = of_environment;
    DELETE FROM rejections WHERE environment = of_environment;
$$;
