-- Items of envelopes that are larger than a record: their bytes stand in `attachments`, in chunks under the number of
-- the item, whatever their type. Columns that are added have defaults: the version before does not know of them.

-- The size of a payload that stands in `attachments`; null where it stands here.
ALTER TABLE sentry_items ADD COLUMN payload_bytes bigint;

ALTER TABLE attachments ADD COLUMN item_type text NOT NULL DEFAULT 'attachment';
CREATE INDEX ON attachments (ingest_id);
