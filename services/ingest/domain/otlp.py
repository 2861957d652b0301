"""OTLP log records as events of ours.

Names of attributes are OpenTelemetry's semantic conventions: those that we have a column for fill
it, all stay in `extra_data` under their own names.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from libs.common.events import level_name
from libs.common.ids import EPOCH
from services.ingest.domain.density import check_event_count, count_json_objects, count_messages
from services.ingest.domain.errors import MalformedBody
from services.ingest.domain.foreign import Headed, Heading
from services.ingest.domain.limits import BatchLimits, cut_text
from services.ingest.domain.otlp_json import JsonRequest, base64_text, decode_json, number_of
from services.ingest.domain.repair import clean_text
from services.ingest.domain.statements import strip_statements

RedactText = Callable[[str, Counter[str]], str]
OtlpRequest = ExportLogsServiceRequest | JsonRequest

_DEEPEST = 24
"""Of a value in a record; what lies deeper becomes a text that says so."""
_STACK_LINES = 200
_SHARED_BYTES = 16 * 1024
"""Of a resource's attributes as JSON, which every record gets."""
_SHARED_TEXT_BYTES = 1_024
"""The same of the service's and the logger's name; columns are shorter still."""
_COPIED_BYTES = 64 * 1024 * 1024
"""Of attributes of resources in all records of a request together."""
_TOO_LARGE = "[too large]"
_COLUMNS = {
    "user_id": ("user.id", "enduser.id"),
    "session_id": ("session.id",),
    "request_method": ("http.request.method", "http.method"),
    "request_path": ("http.route", "url.path", "http.target"),
}
_STATUS_NAMES = ("http.response.status_code", "http.status_code")
_ENVIRONMENT_NAMES = ("deployment.environment.name", "deployment.environment")
_SAID_ELSEWHERE = {"service.name", "service.version", *_ENVIRONMENT_NAMES}
_EXCEPTION_NAMES = ("exception.type", "exception.message", "exception.stacktrace")


def decode_request(body: bytes, *, is_json: bool) -> OtlpRequest:
    """Decode a request; raises MalformedBody."""
    if is_json:
        return decode_json(body)
    request = ExportLogsServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise MalformedBody("not an ExportLogsServiceRequest") from error
    return request


def count_objects(body: bytes, limits: BatchLimits, *, is_json: bool) -> int:
    """Return about how many objects a request becomes; raises BatchTooLarge for too many."""
    return count_json_objects(body, limits) if is_json else count_messages(body, limits)


def count_records(request: OtlpRequest, limits: BatchLimits) -> int:
    """Return how many log records a request holds; raises BatchTooLarge for too many."""
    count = sum(
        len(logs.log_records) for resource in request.resource_logs for logs in resource.scope_logs
    )
    check_event_count(count, limits)
    return count


def read_events(request: OtlpRequest, redact: RedactText, hits: Counter[str]) -> Iterator[Headed]:
    """Yield each record as an event, in order; the same request gives the same events.

    Stack traces are redacted here, before they become lines: a secret may span several. What a
    resource says is encoded once, and left out where its copies would be too large.
    """
    left = _COPIED_BYTES
    for resource_logs in request.resource_logs:
        resource = _attributes(resource_logs.resource.attributes)
        heading = _heading(resource)
        shared: dict[str, Any] = {}
        if service := resource.get("service.name"):
            shared["source"] = _short(_text(service), redact, hits)
        kept = {
            name: value
            for name, value in resource.items()
            if name not in _SAID_ELSEWHERE and not name.startswith("telemetry.sdk.")
        }
        encoded = msgspec.Raw(msgspec.json.encode(kept)) if kept else msgspec.Raw()
        for scope_logs in resource_logs.scope_logs:
            logger = _short(clean_text(scope_logs.scope.name), redact, hits)
            for record in scope_logs.log_records:
                event = _event(record, redact, hits) | shared
                event["module"] = logger or None
                if kept:
                    left -= len(encoded)
                    fits = len(encoded) <= _SHARED_BYTES and left >= 0
                    event["extra_data"].setdefault("resource", encoded if fits else _TOO_LARGE)
                yield heading, event


def _short(text: str, redact: RedactText, hits: Counter[str]) -> str:
    """Return a text that all records get, cut where it is long: half a secret would not be seen."""
    if len(text) <= _SHARED_TEXT_BYTES // 4:
        return text
    return cut_text(redact(text, hits), _SHARED_TEXT_BYTES)


def _heading(resource: dict[str, Any]) -> Heading:
    def text(*names: str) -> str | None:
        return next((_text(resource[name]) for name in names if resource.get(name)), None)

    language = text("telemetry.sdk.language")
    return Heading(
        text("service.version"),
        text(*_ENVIRONMENT_NAMES),
        f"opentelemetry-{language}" if language else text("telemetry.sdk.name"),
        text("telemetry.sdk.version"),
    )


def _event(record: Any, redact: RedactText, hits: Counter[str]) -> dict[str, Any]:
    extra = _attributes(record.attributes)
    strip_statements(extra)
    event: dict[str, Any] = {
        "kind": "log",
        "level": _level(record.severity_number, record.severity_text),
        "trace_id": _id(record.trace_id),
        "extra_data": extra,
    }
    for column, names in _COLUMNS.items():
        for name in names:
            if extra.get(name):
                event[column] = _text(extra[name])
                break
    status = next((extra[name] for name in _STATUS_NAMES if name in extra), None)
    if type(status) is int and 0 <= status <= 999:
        event["status_code"] = status
    if span_id := _id(record.span_id):
        extra.setdefault("span_id", span_id)
    event["created_at"] = _moment(record, extra)
    body = _plain(record.body)
    name = clean_text(record.event_name)
    if name:
        extra.setdefault("event_name", name)
    message = _text(body) if body is not None else name
    if isinstance(body, dict | list):
        extra.setdefault("body", body)
    if "exception.type" in extra or "exception.message" in extra:
        event["kind"] = "exception"
        event["exception"] = _exception(extra, redact, hits)
        if message and message != event["exception"]["value"]:
            extra.setdefault("message", message)
        for used in _EXCEPTION_NAMES:
            extra.pop(used, None)
    else:
        event["message"] = message
    return event


def _exception(extra: dict[str, Any], redact: RedactText, hits: Counter[str]) -> dict[str, Any]:
    text = _text(extra.get("exception.stacktrace") or "")
    lines = redact(text, hits).splitlines() if text else []
    if len(lines) > _STACK_LINES:
        half = _STACK_LINES // 2
        lines = [*lines[:half], f"[{len(lines) - 2 * half} lines]", *lines[-half:]]
    return {
        "type": _text(extra.get("exception.type") or "Error"),
        "value": _text(extra.get("exception.message") or ""),
        "stacktrace": [{"raw": line} for line in lines],
    }


def _level(number: int | str, text: str) -> str:
    """Return our level: the number's, or the text's where there is no number."""
    if isinstance(number, str) and number.startswith("SEVERITY_NUMBER_"):
        number = number.removeprefix("SEVERITY_NUMBER_").rstrip("234")
    return level_name(number) or (level_name(text) if text else None) or "INFO"


def _id(value: bytes | str) -> str | None:
    """Return an id as hexadecimal digits; None where it is absent or only zeros."""
    text = value if isinstance(value, str) else value.hex()
    return clean_text(text).lower() if text.strip("0") else None


def _moment(record: Any, extra: dict[str, Any]) -> datetime | None:
    nanoseconds = number_of(record.time_unix_nano) or number_of(record.observed_time_unix_nano)
    if not nanoseconds:
        return None
    try:
        return EPOCH + timedelta(microseconds=int(nanoseconds) // 1_000)
    except (OverflowError, ValueError):
        extra["client_created_at"] = str(nanoseconds)[:64]
        return None


def _attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    return {clean_text(pair.key): _plain(pair.value) for pair in pairs}


def _plain(value: Any, depth: int = 0) -> Any:
    """Return an AnyValue as JSON has it."""
    kind = None if value is None else value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "string_value":
        return clean_text(value.string_value)
    if depth >= _DEEPEST:
        return "[too deep]"
    if kind == "kvlist_value":
        pairs = value.kvlist_value.values
        return {clean_text(pair.key): _plain(pair.value, depth + 1) for pair in pairs}
    if kind == "array_value":
        return [_plain(item, depth + 1) for item in value.array_value.values]
    if kind == "bytes_value":
        return base64_text(value.bytes_value)
    if kind == "int_value":
        return number_of(value.int_value)
    plain = getattr(value, kind)
    # NaN and the infinities are no JSON
    return plain if not isinstance(plain, float) or math.isfinite(plain) else str(plain)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
