"""The ingest gateway: takes batches over HTTP, answers what became of every event.

In:   POST /api/v1/ingest/batches with an ingest key, POST /v1/logs (OTLP), POST /api/{project}/
      envelope/ (Sentry); POST /internal/replay from query.
Out:  topic `telemetry`, one record a batch; tables `ledger_received` and `gateway_boots`.

authenticate -> read and inflate -> decode -> validate -> redact -> publish -> answer

Promises: 2xx means that all in-sync replicas have the batch. A batch is one record and so is stored
whole or not at all. No secret leaves this process: what cannot be decoded is refused and not kept.
Kafka slow or away: 503 with Retry-After within 5 s. Postgres away: goes on with the last copy of
the keys.
"""
