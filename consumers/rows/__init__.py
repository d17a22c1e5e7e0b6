"""Records to rows; pure. `packing` is the entry: decode a record, pack its rows into `tables.Rows`.

`wire` and `envelopes` read what a record carries, `spans`, `logs`, `metrics`, `error_events` and `sentry_*` write one
table each, `encoder` and `values` hold the rules for what PostgreSQL would refuse, `binary` the format of COPY.
"""
