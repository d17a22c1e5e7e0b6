"""The stream: publishing to Kafka, and its topics."""
