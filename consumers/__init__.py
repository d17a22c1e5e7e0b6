"""The storage workers: from a topic to PostgreSQL, exactly once."""
