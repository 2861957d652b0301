"""Makes OTLP requests, in both encodings, from one description."""

import base64
import json
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID = "00f067aa0ba902b7"
MOMENT_NS = 1_795_523_400_123_456_789
"""Half a minute before `making.NOW`."""


def any_value(value: Any) -> dict[str, Any]:
    """Return a plain value as an AnyValue of the JSON form."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": attributes(value)}}
    return {} if value is None else {"stringValue": value}


def attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return attributes in the JSON form."""
    return [{"key": name, "value": any_value(value)} for name, value in values.items()]


def record(body: Any = "it happened", **fields: Any) -> dict[str, Any]:
    """Return a log record in the JSON form; `attributes` are given plainly."""
    plain = fields.pop("attributes", {})
    return {
        "timeUnixNano": str(MOMENT_NS),
        "severityNumber": 9,
        "body": any_value(body),
        "attributes": attributes(plain),
        **fields,
    }


def request(
    *records: dict[str, Any], resource: dict[str, Any] | None = None, logger: str = "shop.cart"
) -> dict[str, Any]:
    """Return a request in the JSON form."""
    scope_logs = {"scope": {"name": logger}, "logRecords": list(records)}
    return {
        "resourceLogs": [
            {"resource": {"attributes": attributes(resource or {})}, "scopeLogs": [scope_logs]}
        ]
    }


def as_json(described: dict[str, Any]) -> bytes:
    """Return the JSON form."""
    return json.dumps(described).encode()


def as_protobuf(described: dict[str, Any]) -> bytes:
    """Return the same request as protobuf, by protobuf's own encoder."""
    copy = json.loads(json.dumps(described))
    for resource_logs in copy["resourceLogs"]:
        for scope_logs in resource_logs["scopeLogs"]:
            for one in scope_logs["logRecords"]:
                for name in ("traceId", "spanId"):
                    if name in one:
                        one[name] = base64.b64encode(bytes.fromhex(one[name])).decode()
    return ParseDict(copy, ExportLogsServiceRequest()).SerializeToString()
