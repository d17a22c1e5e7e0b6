"""Fixtures that every suite shares: real Kafka and real PostgreSQL, started once for a run of the tests."""
