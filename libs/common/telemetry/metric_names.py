"""Every metric that our own processes show on `/metrics`; the table in the docs is made from it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class MetricSpec:
    """One metric: its name is the contract with dashboards and alerts."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_LATENCY_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

METRICS: tuple[MetricSpec, ...] = (
    MetricSpec(
        "headwater_ingest_requests_total", "counter", "Batch requests, by status code.", ("status",)
    ),
    MetricSpec(
        "headwater_ingest_events_total",
        "counter",
        "Events, by fate: accepted, rejected, unknown.",
        ("fate",),
    ),
    MetricSpec("headwater_ingest_body_bytes_total", "counter", "Decompressed bytes of bodies."),
    MetricSpec(
        "headwater_ingest_publish_seconds",
        "histogram",
        "Time from send to Kafka's acknowledgement.",
        (),
        _LATENCY_S,
    ),
    MetricSpec("headwater_ingest_inflight_bytes", "gauge", "Bytes of batches being worked on."),
    MetricSpec(
        "headwater_ingest_ignored_items_total",
        "counter",
        "Items of Sentry envelopes that nothing is made of, by type.",
        ("type",),
    ),
    MetricSpec(
        "headwater_ingest_client_losses_total",
        "counter",
        "What Sentry clients say that they threw away (client_report), by reason and category.",
        ("reason", "category"),
    ),
    MetricSpec("headwater_redaction_hits_total", "counter", "Values redacted, by rule.", ("rule",)),
    MetricSpec(
        "headwater_producer_replacements_total", "counter", "Kafka producers thrown away for new."
    ),
    MetricSpec(
        "headwater_writer_events_total",
        "counter",
        "Events, by fate: stored, aggregated_only, duplicate, conflict, dead_lettered.",
        ("fate",),
    ),
    MetricSpec(
        "headwater_writer_transaction_seconds",
        "histogram",
        "Time of a storing transaction.",
        (),
        _LATENCY_S,
    ),
    MetricSpec(
        "headwater_writer_rollbacks_total", "counter", "Rolled back, by reason.", ("reason",)
    ),
    MetricSpec("headwater_slices_sealed_total", "counter", "Slices given all their indexes."),
    MetricSpec(
        "headwater_slices_cleaned_total", "counter", "Sealed slices cleaned after late rows."
    ),
    MetricSpec("headwater_slices_merged_total", "counter", "Slices that became part of another."),
    MetricSpec(
        "headwater_slice_mismatches_total",
        "counter",
        "Slices that do not hold the rows counted for them: somebody has to look.",
    ),
    MetricSpec(
        "headwater_consumer_lag_records", "gauge", "Records not yet stored.", ("partition",)
    ),
    MetricSpec(
        "headwater_consumer_stopped_partitions",
        "gauge",
        "Partitions that stand still until an operator acts.",
    ),
    MetricSpec(
        "headwater_http_closed_connections_total",
        "counter",
        "Closed by us without a whole request: head_too_large, head_too_slow, too_many_at_once, "
        "silent.",
        ("fault",),
    ),
    MetricSpec(
        "headwater_query_requests_total",
        "counter",
        "Requests, by route template and status.",
        ("route", "status"),
    ),
    MetricSpec(
        "headwater_query_seconds", "histogram", "Time of a request.", ("route",), _LATENCY_S
    ),
    MetricSpec("headwater_logins_total", "counter", "Logins, by outcome.", ("outcome",)),
)
