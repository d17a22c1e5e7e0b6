"""What two processes must agree on: records, topics, errors, the database schema. Imports stdlib and msgspec only."""
