"""One PostgreSQL transaction: fence the offsets, COPY the rows, write dead letters."""
