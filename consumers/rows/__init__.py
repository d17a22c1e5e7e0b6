"""Records to rows; pure. `packing` is the entry: decode a record, pack its rows into `tables.Rows`.

`otlp` and `sentry` read what a record carries and write the rows of each table, `encoder` and `values` hold the rules
for what PostgreSQL would refuse, `binary` the format of COPY.
"""
