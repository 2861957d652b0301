"""Sentry's transactions and spans as samples of ours: requests, and the queries in them."""

import re
from collections.abc import Iterator
from typing import Any

from services.ingest.domain.foreign import Headed, Heading
from services.ingest.domain.repair import moment_of
from services.ingest.domain.sentry_event import (
    Values,
    attributes_of,
    dict_of,
    extra_of,
    heading_of_attributes,
    path_of,
    shared_fields,
    status_of,
    text_of,
    values_of,
)

_NAMED = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/.*)")
_STATEMENTS = ("db.query.text", "db.statement", "sentry.description")


def read_transaction(sent: Values, heading: Heading) -> Iterator[Headed]:
    """Yield a sample of the request, and one of each database query in it."""
    extra = extra_of(sent)
    for name in ("breadcrumbs", "modules", "type", "user"):
        extra.pop(name, None)
    trace = dict_of(dict_of(sent.get("contexts")).get("trace"))
    data = dict_of(trace.get("data"))
    fields = shared_fields(sent, extra)
    method, path = _method_and_path(text_of(sent.get("transaction")))
    status = data.get("http.response.status_code") or dict_of(sent.get("tags")).get(
        "http.status_code"
    )
    fields["request_path"] = path or fields["request_path"]
    duration = _duration_ms(sent.get("start_timestamp"), sent.get("timestamp"))
    if duration is not None:
        if operation := trace.get("op"):
            extra["op"] = operation
        named = method or fields["request_method"] or text_of(data.get("http.request.method"))
        yield (
            heading,
            {
                **fields,
                "kind": "request",
                "duration_ms": duration,
                "request_method": named or None,
                "status_code": fields["status_code"] or status_of(status),
                "extra_data": extra,
            },
        )
    for span in values_of(sent.get("spans")):
        duration = _duration_ms(span.get("start_timestamp"), span.get("timestamp"))
        if duration is None or not _is_query(span.get("op")):
            continue
        system = dict_of(span.get("data")).get("db.system")
        kept = {"op": span["op"], "span_id": span.get("span_id"), "db.system": system}
        yield (
            heading,
            {
                "kind": "query",
                "created_at": moment_of(span.get("timestamp")),
                "duration_ms": duration,
                "statement": text_of(span.get("description")),
                "trace_id": text_of(span.get("trace_id")) or fields["trace_id"],
                "request_path": fields["request_path"],
                "extra_data": {name: value for name, value in kept.items() if value},
            },
        )


def read_span(sent: Values, sdk: Any) -> Iterator[Headed]:
    """Yield the sample of a span that newer clients send by itself.

    A span that is neither a whole request nor a query makes none.
    """
    extra = attributes_of(sent)
    heading = heading_of_attributes(extra, sdk)
    duration = _duration_ms(sent.get("start_timestamp"), sent.get("end_timestamp"))
    is_query = _is_query(extra.get("sentry.op"))
    if duration is None or not (is_query or sent.get("is_segment") is True):
        return
    name = text_of(sent.get("name"))
    method, path = _method_and_path(name)
    fields: Values = {
        "kind": "query" if is_query else "request",
        "created_at": moment_of(sent.get("end_timestamp")),
        "duration_ms": duration,
        "trace_id": text_of(sent.get("trace_id")) or None,
        "user_id": text_of(extra.get("user.id")) or None,
        "extra_data": extra,
    }
    if is_query:
        said = next((extra.pop(one) for one in _STATEMENTS if extra.get(one)), name)
        for one in _STATEMENTS:
            extra.pop(one, None)  # with its literals still in it
        fields["statement"] = text_of(said)
    else:
        fields["request_path"] = text_of(extra.get("http.route")) or path
        fields["request_method"] = text_of(extra.get("http.request.method")) or method
        fields["status_code"] = status_of(extra.get("http.response.status_code"))
    if span_id := sent.get("span_id"):
        extra["span_id"] = span_id
    yield heading, fields


def _is_query(operation: Any) -> bool:
    return text_of(operation).partition(".")[0] == "db"


def _method_and_path(name: str) -> tuple[str | None, str | None]:
    """Divide the name of a transaction, `GET /orders/{id}`; other names stand for the path."""
    if named := _NAMED.fullmatch(name):
        return named[1], named[2]
    return None, (path_of(name) if "://" in name else name) or None


def _duration_ms(started: Any, ended: Any) -> float | None:
    start, end = moment_of(started), moment_of(ended)
    if start is None or end is None:
        return None
    return max(0.0, round((end - start).total_seconds() * 1_000, 3))
