"""The writer: stores every batch of the topic `telemetry` exactly once.

In:   topic `telemetry` (consumer group `writer`).
Out:  app_logs, app_exceptions, performance_samples; ingested_batches, consumer_offsets,
      ledger_stored, slice_counts, dead_letters; slices and their tables, day partitions.

read and prepare -> claim offsets -> find known batches -> record -> copy -> count -> commit

Promises: rows, batch identity and offset are one Postgres transaction, so that a crash, a second
instance or a repeated send neither loses nor doubles an event. A row that Postgres refuses for its
own fault becomes a dead letter in the same transaction; anything else is retried for ever.
"""
