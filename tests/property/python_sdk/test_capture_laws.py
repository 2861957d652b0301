"""Traces, repeats, secrets and values of any kind: what holds for every event."""

import asyncio
import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater_sdk import HeadwaterMiddleware, current_trace_id
from headwater_sdk.options import read_options
from headwater_sdk.record.events import EventMaker, encode
from headwater_sdk.record.plain import Plain
from headwater_sdk.stats import Stats
from libs.common.redaction import Redactor, load_rules
from services.ingest.domain.client_events import event_decoder
from tests.property.python_sdk.world import START, MovedClock, Process, ScriptedGateway
from tests.property.redaction import strategies
from tests.unit.python_sdk.making import Watched

GATEWAY = Redactor(load_rules())
LAW = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))

trace_ids = st.from_regex(r"\A[A-Za-z0-9._:-]{1,128}\Z")
odd_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.binary(max_size=20),
        st.uuids(),
        st.decimals(),
        st.datetimes(timezones=st.just(UTC)),
        st.just(object()),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.frozensets(st.integers(), max_size=3),
        st.dictionaries(st.one_of(st.text(), st.integers(), st.none()), inner, max_size=4),
    ),
    max_leaves=12,
)


@LAW
@given(given_ids=st.lists(st.one_of(st.none(), trace_ids), min_size=1, max_size=8))
def test_a_trace_id_is_the_same_everywhere(given_ids: list[str | None]) -> None:
    """Property 2: in the context, in the answer, in every event; also for requests side by side."""
    watched = Watched()

    async def run() -> list[tuple[str | None, str, str | None]]:
        return await asyncio.gather(*(one_request(watched, given_id) for given_id in given_ids))

    try:
        seen = asyncio.run(run())
        events = watched.sent()
    finally:
        watched.client.close(0)
    for given_id, answered, inside in seen:
        assert answered == inside == (given_id or answered)
        assert sum(event["trace_id"] == answered for event in events) >= 2
    assert len(events) == 2 * len(given_ids)


async def one_request(watched: Watched, given_id: str | None) -> tuple[str | None, str, str | None]:
    """Answer a request that logs once; return the id given, the id answered, the id inside."""
    inside: list[str | None] = []
    answered: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        inside.append(current_trace_id())
        watched.client.log("INFO", "x")
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        answered.append(dict(message["headers"])[b"x-trace-id"].decode())

    headers = [(b"x-trace-id", given_id.encode())] if given_id else []
    scope = {"type": "http", "method": "GET", "path": "/x", "headers": headers}
    await HeadwaterMiddleware(app, watched.client)(scope, receive, send)
    return given_id, answered[0], inside[0]


@LAW
@given(
    repeats=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from((0, 1, 4, 11))), min_size=1, max_size=40
    )
)
def test_counts_sum_up_to_the_occurrences(repeats: list[tuple[str, int]]) -> None:
    """Property 3: folding changes how many events there are, never how much they count."""
    gateway = ScriptedGateway()
    one = Process(MovedClock(), gateway, None, dedupe_within=timedelta(seconds=10))
    for name, seconds in repeats:
        one.log(name)
        one.collect()
        one.clock.seconds += seconds
        assert one.holds_identity()
    one.pipeline.collector.finish()
    while one.send() == 0.0:
        pass

    counted: Counter[str] = Counter()
    for body in gateway.bodies.values():
        for event in json.loads(body)["events"]:
            counted[event["message"]] += event.get("count", 1)
    assert counted == Counter(name for name, _ in repeats)
    now = one.stats.now()
    assert now["captured"] == now["sent"] + now["deduped"]


@LAW
@given(message=strategies.texts, extra=strategies.events)
def test_what_is_sent_holds_nothing_that_the_gateway_would_take_out(
    message: str, extra: dict[str, Any]
) -> None:
    """Property 8: no secret leaves; the gateway finds nothing that is left."""
    maker = EventMaker(read_options("http://x", "k", {}), Stats())
    content = {"kind": "log", "level": "INFO", "message": message, "extra_data": extra}
    event = maker.make(content, START)
    assert event is not None
    sent = json.loads(maker.write(event))
    assert GATEWAY.redact(sent, Counter()) == sent


@LAW
@given(value=odd_values)
def test_any_value_becomes_plain_and_small(value: Any) -> None:
    plain = Plain().value(value)
    data = encode(plain)
    assert json.loads(data) == plain
    assert len(data) < 1_000_000


@LAW
@given(message=st.text(), extra=st.dictionaries(st.text(), odd_values, max_size=5))
def test_the_gateway_takes_every_event_as_it_is(message: str, extra: dict[str, Any]) -> None:
    """None needs mending there: strict JSON, within the limits, of the contract's types."""
    maker = EventMaker(read_options("http://x", "k", {}), Stats())
    kept = {name: Plain().value(value) for name, value in extra.items()}
    event = maker.make(
        {"kind": "log", "level": "INFO", "message": message, "extra_data": kept}, START
    )
    assert event is not None
    decoded = event_decoder.decode(maker.write(event))
    assert decoded.id == UUID(event["id"])
    assert int(event["id"].replace("-", "")[:12], 16) == int(START * 1000)


def test_values_of_the_standard_library_are_readable() -> None:
    moment = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
    values = [Decimal("1.50"), moment, date(2026, 11, 26), UUID(int=7), {1, 2}, b"abc"]
    assert Plain().value(values) == [
        "1.50",
        "2026-11-26T09:30:00+00:00",
        "2026-11-26",
        "00000000-0000-0000-0000-000000000007",
        [1, 2],
        "<3 bytes>",
    ]
    assert msgspec.json.encode(Plain().value(values))
