"""Sentry's error events and messages as events of ours."""

from typing import Any
from urllib.parse import urlsplit

import msgspec

from libs.common.events import level_name
from services.ingest.domain.foreign import Heading
from services.ingest.domain.repair import moment_of
from services.ingest.domain.statements import strip_breadcrumb, strip_statements

Values = dict[str, Any]

_KEPT = ("server_name", "platform", "transaction", "dist", "fingerprint", "modules", "type")


def read_event(sent: Values) -> Values:
    """Return a tamed event or message in our form; never raises."""
    extra = extra_of(sent)
    # Sentry takes an event for an error that has no level, or none that it knows
    event = {"level": "ERROR", **shared_fields(sent, extra), "extra_data": extra}
    message = _message(sent)
    values = values_of(sent.get("exception"))
    thrown = [
        one for one in values if one.get("type") or ("value" in one and not _is_stand_in(one))
    ]
    if not thrown:
        said = next((text_of(one.get("value")) for one in values), "")
        event |= {"kind": "log", "message": message or said}
        if frames := _stack_beside(sent, values):
            extra["stacktrace"] = frames
        return event
    event["kind"] = "exception"
    # the one that was thrown last comes last, what led to it before
    *causes, last = [_thrown(one) for one in thrown]
    event["exception"] = {**last, "cause": causes[::-1]}
    if isinstance(thrown[-1].get("mechanism"), dict):
        extra["mechanism"] = thrown[-1]["mechanism"]
    if message and message != last["value"]:
        extra["message"] = message
    return event


def heading_of(sent: Values, sdk: Any) -> Heading:
    """Return what an event's batch says; `sdk` is that of the envelope."""
    sdk = sdk if isinstance(sdk, dict) else sent.get("sdk")
    sdk = sdk if isinstance(sdk, dict) else {}
    return Heading(
        text_of(sent.get("release")) or None,
        text_of(sent.get("environment")) or None,
        text_of(sdk.get("name")) or None,
        text_of(sdk.get("version")) or None,
    )


def heading_of_attributes(attributes: Values, sdk: Any) -> Heading:
    """Return what the batch of a log or a span says; takes it out of the attributes."""
    names = ("release", "environment")
    return heading_of({name: attributes.pop(f"sentry.{name}", None) for name in names}, sdk)


def shared_fields(sent: Values, extra: Values) -> Values:
    """Return the columns of an event or a transaction; what has none goes into `extra`."""
    contexts = dict_of(sent.get("contexts"))
    trace = dict_of(contexts.get("trace"))
    request = dict_of(sent.get("request"))
    fields: Values = {
        "created_at": moment_of(sent.get("timestamp")),
        "trace_id": text_of(trace.get("trace_id")) or None,
        "module": text_of(sent.get("logger")) or None,
        "request_path": path_of(request.get("url")),
        "request_method": text_of(request.get("method")) or None,
        "status_code": status_of(dict_of(contexts.get("response")).get("status_code")),
        "user_id": _user_id(dict_of(sent.get("user"))),
    }
    if level := level_name(text_of(sent.get("level"))):
        fields["level"] = level
    if fields["created_at"] is None and sent.get("timestamp") is not None:
        extra["client_created_at"] = text_of(sent["timestamp"])[:64]
    if span_id := trace.get("span_id"):
        extra["span_id"] = span_id
    return fields


def extra_of(sent: Values) -> Values:
    """Return what is kept beside the columns: the event's own `extra` first, then ours."""
    extra = dict(dict_of(sent.get("extra")))
    found = {name: sent[name] for name in _KEPT if sent.get(name)}
    found["event_id"] = sent.get("event_id")
    found["tags"] = pairs_of(sent.get("tags"))
    found["user"] = dict_of(sent.get("user"))
    found["contexts"] = dict_of(sent.get("contexts"))
    found["request"] = _request(dict_of(sent.get("request")))
    found["breadcrumbs"] = values_of(sent.get("breadcrumbs"))
    for crumb in found["breadcrumbs"]:
        strip_breadcrumb(crumb)
    strip_statements(dict_of(dict_of(found["contexts"].get("trace")).get("data")))
    extra |= {name: value for name, value in found.items() if value}
    return extra


def values_of(value: Any) -> list[Values]:
    """Return the objects of a list, which Sentry also writes as `{"values": [...]}`, or of one."""
    if isinstance(value, dict):
        value = value.get("values", [value])
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def pairs_of(value: Any) -> Values:
    """Return names and values, which Sentry also writes as a list of pairs; the last one counts."""
    if isinstance(value, list):
        pairs = [one for one in value if isinstance(one, list) and len(one) == 2]
        return {text_of(name): item for name, item in pairs}
    return dict_of(value)


def text_of(value: Any) -> str:
    """Return a text: what is none as its JSON, null as nothing."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def path_of(url: Any) -> str | None:
    """Return the path of a URL."""
    if not isinstance(url, str) or not url:
        return None
    try:
        return urlsplit(url).path or "/"
    except ValueError:
        return None


def status_of(value: Any) -> int | None:
    """Return an HTTP status, also where it is written as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
        return int(value)
    return value if type(value) is int and 0 <= value <= 999 else None


def _message(sent: Values) -> str:
    for one in (sent.get("logentry"), sent.get("message")):
        if isinstance(one, dict):
            one = one.get("formatted") or one.get("message")
        if one:
            return text_of(one)
    return ""


def _thrown(sent: Values) -> Values:
    thrown: Values = {
        "type": text_of(sent.get("type")) or "Error",
        "value": text_of(sent.get("value")),
        "stacktrace": _frames(sent.get("stacktrace")),
    }
    if sent.get("module"):
        thrown["module"] = sent["module"]
    return thrown


def _frames(stacktrace: Any) -> list[Values]:
    """Return the frames without what is empty, innermost call first; Sentry sends it last."""
    frames = dict_of(stacktrace).get("frames")
    return [
        {name: value for name, value in frame.items() if value not in (None, "", [], {})}
        for frame in (reversed(frames) if isinstance(frames, list) else ())
        if isinstance(frame, dict)
    ]


def _is_stand_in(value: Values) -> bool:
    """Tell whether nothing was thrown: clients make an exception without type to carry a stack."""
    return dict_of(value.get("mechanism")).get("synthetic") is True


def _stack_beside(sent: Values, stand_ins: list[Values]) -> list[Values]:
    """Return the frames of a message that was sent with its stack."""
    for holder in (*stand_ins, *values_of(sent.get("threads")), sent):
        if frames := _frames(holder.get("stacktrace")):
            return frames
    return []


def _request(request: Values) -> Values:
    """Return the request with its headers by name: so redaction sees what each value is."""
    shown = dict(request)
    for name in ("headers", "cookies", "query_string", "env"):
        if isinstance(shown.get(name), list):
            shown[name] = pairs_of(shown[name])
    return shown


def _user_id(user: Values) -> str | None:
    return next((text_of(user[name]) for name in ("id", "username") if user.get(name)), None)


def attributes_of(sent: Values) -> Values:
    """Return attributes, which Sentry writes with their types, as names and values."""
    attributes = {
        name: value.get("value") if isinstance(value, dict) else value
        for name, value in dict_of(sent.get("attributes")).items()
    }
    strip_statements(attributes)
    return attributes


def dict_of(value: Any) -> Values:
    """Return an object; nothing where it is none."""
    return value if isinstance(value, dict) else {}
