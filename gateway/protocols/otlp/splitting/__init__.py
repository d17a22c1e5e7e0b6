"""A request that is larger than a record, in parts that are requests of their own."""
