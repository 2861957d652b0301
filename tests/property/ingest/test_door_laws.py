"""Laws of the standard doors: whatever comes is read or refused, fits, and keeps no secret."""

import json
from collections import Counter
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from libs.common.events import encode_batch
from services.ingest.domain.batch import Verdict
from services.ingest.domain.errors import IngestError
from services.ingest.domain.foreign import batch_bodies, request_id
from services.ingest.domain.otlp import decode_request, read_events
from services.ingest.domain.sentry_items import read_items
from services.ingest.domain.sentry_source import redact_source
from services.ingest.domain.trim import fit_event
from tests.unit.ingest.making import LIMITS, read, read_envelope, redaction
from tests.unit.ingest.otlp_making import as_json, as_protobuf, record, request

SECRET = "hunter2zq"
BODY_HMAC = b"h" * 32
FIRST_ID = request_id("shop", BODY_HMAC)

texts = st.text(max_size=20)
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | texts
trees: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


def sentry_bodies(body: bytes) -> list[bytes]:
    """Take an envelope as the door does, up to the batches."""
    sent = read_envelope(body)
    hits: Counter[str] = Counter()
    events = []
    for heading, event in read_items(sent, LIMITS).events:
        redact_source(event, redaction().redact_text, hits)
        events.append((heading, fit_event(event, LIMITS, redaction(), hits)))
    return list(batch_bodies(events, sent.event_id or FIRST_ID, LIMITS))


def otlp_bodies(body: bytes, *, is_json: bool) -> list[bytes]:
    """Take a request as the door does, up to the batches."""
    decoded = decode_request(body, is_json=is_json)
    events = read_events(decoded, redaction().redact_text, Counter())
    return list(batch_bodies(events, FIRST_ID, LIMITS))


def envelope_of(event: Any, kind: str = "event") -> bytes:
    payload = json.dumps(event).encode()
    return b'{}\n{"type":"%b","length":%d}\n%b\n' % (kind.encode(), len(payload), payload)


def the_verdict(bodies: list[bytes]) -> Verdict:
    (body,) = bodies
    return read(body)


SENTRY_FIELDS = (
    "message",
    "logentry",
    "exception",
    "threads",
    "stacktrace",
    "breadcrumbs",
    "tags",
    "user",
    "request",
    "contexts",
    "extra",
    "modules",
    "timestamp",
    "level",
    "release",
    "environment",
    "sdk",
    "logger",
    "transaction",
    "server_name",
    "fingerprint",
    "spans",
    "start_timestamp",
)


@given(st.dictionaries(st.sampled_from(SENTRY_FIELDS), trees, max_size=8))
@settings(max_examples=150, deadline=None)
def test_an_event_of_any_shape_is_accepted(event: dict[str, Any]) -> None:
    verdict = the_verdict(sentry_bodies(envelope_of(event)))
    assert verdict.rejected == {}
    assert verdict.record.event_count == 1


LONG_PARTS = ("message", "module", "thrown_in", "vars", "crumb", "extra", "lines", "cause", "user")
kilobytes = st.integers(0, 60)
letters = st.sampled_from(["x", "é", "\U0001f600", "\0", "\\", '"', "\x01", "\ud800", "a b "])


@given(
    st.fixed_dictionaries({name: st.tuples(kilobytes, letters) for name in LONG_PARTS}),
    st.integers(1, 40),
)
@example(dict.fromkeys(LONG_PARTS, (60, "\x01")), 2)
@example(dict.fromkeys(LONG_PARTS, (0, "x")), 1)
@example(dict.fromkeys(LONG_PARTS, (0, "x")) | {"thrown_in": (900, "x")}, 1)
@settings(max_examples=25, deadline=None)
def test_an_event_of_any_size_is_trimmed_to_fit(
    sizes: dict[str, tuple[int, str]], count: int
) -> None:
    def long(name: str) -> str:
        kilo, letter = sizes[name]
        return letter * (kilo * 1024 // len(json.dumps(letter)))

    frame = {"function": "f", "vars": {"a": long("vars")}, "pre_context": [long("lines")]}
    event = {
        "message": long("message"),
        "modules": {f"m{number}": long("module") for number in range(count % 7)},
        "breadcrumbs": {"values": [{"n": number, "m": long("crumb")} for number in range(count)]},
        "extra": {"long": long("extra"), **{f"k{number}": number for number in range(400)}},
        "user": {"id": long("user")},
        "exception": {
            "values": [
                {"type": "Cause", "value": long("cause"), "stacktrace": {"frames": [frame] * 3}},
                {
                    "type": "Thrown",
                    "value": long("message"),
                    "module": long("thrown_in"),
                    "stacktrace": {"frames": [frame] * 60},
                },
            ]
        },
    }
    payload = envelope_of(event)
    if len(payload) > 1024 * 1024:
        event["breadcrumbs"] = {"values": []}
        event["exception"]["values"][1]["stacktrace"]["frames"] = [frame]  # type: ignore[index]
        payload = envelope_of(event)
    (body,) = sentry_bodies(payload)
    (sent,) = msgspec.json.decode(body)["events"]
    assert len(msgspec.json.encode(sent)) <= LIMITS.event_bytes
    verdict = read(body)
    assert verdict.rejected == {}
    (row,) = verdict.record.exceptions
    assert row.exception_type == "Thrown"


def test_what_matters_least_goes_first() -> None:
    """Modules go before variables, these before breadcrumbs, and of those the oldest."""
    frame = {"function": "f", "vars": {"a": "v" * 20_000}}
    crumbs = [{"n": number, "m": "c" * 1_000} for number in range(100)]
    event = {
        "modules": {"m": "x" * 30_000},
        "breadcrumbs": crumbs,
        "exception": {"values": [{"type": "E", "stacktrace": {"frames": [frame]}}]},
    }

    def trimmed(**fields: Any) -> tuple[list[str], dict[str, Any]]:
        (row,) = the_verdict(sentry_bodies(envelope_of(event | fields))).record.exceptions
        extra = json.loads(row.extra_data or "{}")
        return extra.get("_trimmed", []), extra

    assert trimmed(breadcrumbs=crumbs[:30])[0] == ["modules"]
    assert trimmed(breadcrumbs=crumbs[:50])[0] == ["modules", "vars"]
    steps, extra = trimmed()
    assert steps == ["modules", "vars", "breadcrumbs"]
    kept = [crumb["n"] for crumb in extra["breadcrumbs"]]
    assert kept == list(range(100 - len(kept), 100))
    assert 50 < len(kept) < 65


PLACES = (
    "message",
    "extra",
    "tags",
    "user",
    "contexts",
    "vars",
    "crumb",
    "header",
    "query",
    "cause",
)


@given(
    st.sampled_from(PLACES),
    st.sampled_from(["password", "api_key", "Authorization", "secret"]),
    st.booleans(),
    st.sampled_from([0, 50, 55, 1_012, 4_085]),
    st.sampled_from([0, 70_000]),
)
@settings(max_examples=80, deadline=None)
def test_no_secret_of_a_sentry_event_reaches_kafka(
    place: str, name: str, is_text: bool, offset: int, padding: int
) -> None:
    """Wherever it stands, by its name or in a text, and however much is trimmed around it."""
    value: Any = f"{'y' * offset} {name}={SECRET}" if is_text else {name: SECRET}
    pairs: Any = {"q": f"{name}={SECRET}"} if is_text else [[name, SECRET]]
    frame = {"function": "f", "vars": value if isinstance(value, dict) else {"q": value}}
    places: dict[str, dict[str, Any]] = {
        "message": {"message": value if is_text else json.dumps(value)},
        "extra": {"extra": {"at": value}},
        "tags": {"tags": pairs},
        "user": {"user": {"at": value}},
        "contexts": {"contexts": {"state": {"at": value}}},
        "vars": {"exception": {"values": [{"type": "E", "stacktrace": {"frames": [frame]}}]}},
        "crumb": {"breadcrumbs": [{"data": {"at": value}}]},
        "header": {"request": {"headers": pairs}},
        "query": {"request": {"query_string": f"a=1&{name}={SECRET}"}},
        "cause": {
            "exception": {
                "values": [
                    {"type": "C", "value": f"{name}={SECRET}", "stacktrace": {"frames": [frame]}},
                    {"type": "E"},
                ]
            }
        },
    }
    event = {"server_name": "x" * padding, **places[place]}
    record_bytes = encode_batch(the_verdict(sentry_bodies(envelope_of(event))).record)
    assert SECRET[:5].encode() not in record_bytes


KEY_LINES = [
    'KEY = """-----BEGIN RSA PRIVATE KEY-----',
    *[f"MIIE{number}{SECRET}" for number in range(6)],
    '-----END RSA PRIVATE KEY-----"""',
]


@given(
    st.integers(0, 8),
    st.booleans(),
    st.booleans(),
    st.lists(st.sampled_from(["", "x = 1", "password = 'abc12'", "a\nb"]), max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_no_key_in_several_source_lines_reaches_kafka(
    at: int, has_line: bool, is_message: bool, around: list[str]
) -> None:
    lines = [*around, *KEY_LINES, "after = 2"]
    frame: dict[str, Any] = {"pre_context": lines[:at], "post_context": lines[at + has_line :]}
    if has_line:
        frame["context_line"] = lines[at]
    stack = {"frames": [frame]}
    event: dict[str, Any] = (
        {"message": "m", "stacktrace": stack}
        if is_message
        else {"exception": {"values": [{"type": "E", "stacktrace": stack}]}}
    )
    record = the_verdict(sentry_bodies(envelope_of(event))).record
    assert SECRET.encode() not in encode_batch(record)
    assert b"after = 2" in encode_batch(record)


@given(
    st.sampled_from(["password", "api_key", "authorization"]),
    st.sampled_from(["attribute", "nested", "body", "text", "resource", "stack", "message"]),
)
@settings(max_examples=60, deadline=None)
def test_no_secret_of_an_otlp_record_reaches_kafka(name: str, place: str) -> None:
    said = f"{name}={SECRET}"
    one = {
        "attribute": record(attributes={name: SECRET}),
        "nested": record(attributes={"a": {"b": [{name: SECRET}]}}),
        "body": record({name: SECRET}),
        "text": record(f"login with {said}"),
        "resource": record(),
        "stack": record(
            attributes={"exception.type": "E", "exception.stacktrace": f"a\n{said}\nb"}
        ),
        "message": record(attributes={"exception.type": "E", "exception.message": said}),
    }[place]
    described = request(one, resource={name: SECRET} if place == "resource" else None)
    for body, is_json in ((as_json(described), True), (as_protobuf(described), False)):
        record_bytes = encode_batch(the_verdict(otlp_bodies(body, is_json=is_json)).record)
        assert SECRET.encode() not in record_bytes


@given(st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    whole = as_protobuf(request(record(attributes={"a": {"b": [1]}})))
    for body, is_json in ((noise, False), (noise, True), (whole[:30] + noise, False)):
        try:
            for one in otlp_bodies(body, is_json=is_json):
                read(one)
        except IngestError:
            pass
    for prefix in (b"", b"{}\n", b'{}\n{"type":"event"}\n', b'{}\n{"type":"log","length":20}\n'):
        try:
            for one in sentry_bodies(prefix + noise):
                read(one)
        except IngestError:
            pass


@given(st.lists(st.tuples(texts, st.sampled_from(["1", "2", ""])), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_the_same_request_is_the_same_batches(sent: list[tuple[str, str]]) -> None:
    """Also by protobuf's and JSON's ways, and every record is in one of them, once."""
    described: dict[str, Any] = {"resourceLogs": []}
    for text, release in sent:
        one = request(
            record(text.encode(errors="replace").decode()), resource={"service.version": release}
        )
        described["resourceLogs"] += one["resourceLogs"]
    body = as_protobuf(described)
    first, second = otlp_bodies(body, is_json=False), otlp_bodies(body, is_json=False)
    assert first == second == otlp_bodies(as_json(described), is_json=True)
    verdicts = [read(one) for one in first]
    assert len({verdict.batch_id for verdict in verdicts}) == len(verdicts)
    assert sum(verdict.event_count for verdict in verdicts) == len(sent)
    ids = [row.id for verdict in verdicts for row in verdict.record.logs]
    assert len(set(ids)) == len(sent)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["event", "log", "attachment", "session"]), st.binary(max_size=60)
        ),
        max_size=6,
    ),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_an_envelope_written_by_sentrys_own_client_reads_back(
    items: list[tuple[str, bytes]], has_id: bool
) -> None:
    from sentry_sdk.envelope import Envelope, Item, PayloadRef  # noqa: PLC0415 - slow to import

    headers = {"event_id": "9ec79c33ec9942ab8353589fcb2e04dc"} if has_id else {}
    written = Envelope(headers=headers)
    for kind, payload in items:
        written.add_item(Item(payload=PayloadRef(bytes=payload), type=kind))
    sent = read_envelope(written.serialize())
    assert [(item.type, item.payload) for item in sent.items] == items
    assert (sent.event_id is not None) == has_id
