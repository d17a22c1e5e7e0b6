"""The source: Kafka's side of a worker. The group only assigns partitions; where to read on stands in PostgreSQL."""
