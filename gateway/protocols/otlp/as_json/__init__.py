"""OTLP's JSON: typed structs of its messages, read, spelled either way, and turned into protobuf."""
