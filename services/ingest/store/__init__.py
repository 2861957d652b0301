"""The gateway's part of Postgres: reads keys and pauses, writes the ledger."""
