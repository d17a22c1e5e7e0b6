"""The store: PostgreSQL, which holds the rows and, in the same transaction, the truth about offsets."""
