"""Kafka and PostgreSQL for one machine, from wheels and jars."""
