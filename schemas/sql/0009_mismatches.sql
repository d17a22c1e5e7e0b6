-- How many of the events that were stored say that they are of another environment than the one that they were sent to.
ALTER TABLE events_by_minute ADD COLUMN mismatched bigint NOT NULL DEFAULT 0;
