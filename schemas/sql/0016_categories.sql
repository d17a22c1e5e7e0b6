-- How many items of each of Sentry's categories an environment takes a minute; null sets no limit.
-- {"replay": {"perMinute": 0}}: 0 says that they are not wanted.
ALTER TABLE environments ADD COLUMN categories jsonb;
