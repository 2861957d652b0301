"""Kafka: publishing with a deadline, consuming with the offset fence in Postgres."""
