"""The live tail's rules, without Kafka and HTTP."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.query.domain.conditions import ALWAYS, Contains
from services.query.domain.errors import InvalidParameter
from services.query.domain.tail import Burst, Ring, SeenBatches, TailRecord, Watcher
from services.query.domain.tail_marks import Mark, decode_mark, encode_mark
from tests.integration.query.tailing import log_row

START = Mark(1, 1_000, {0: 0, 1: 0})
LOGS = frozenset({"log"})


def record(partition: int, offset: int, *messages: str, at_ms: int = 2_000) -> TailRecord:
    rows = [log_row(message, created_at=datetime(2026, 1, 1, tzinfo=UTC)) for message in messages]
    return TailRecord(partition, offset, at_ms, rows)


def shown(frames: bytes) -> list[tuple[str, Any, str | None]]:
    found = []
    for block in frames.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((fields["event"], json.loads(fields["data"]), fields.get("id")))
    return found


def messages(frames: bytes) -> list[str]:
    return [data["message"] for name, data, _ in shown(frames) if name == "event"]


def marks(frames: bytes) -> list[Mark]:
    return [decode_mark(mark) for _, _, mark in shown(frames) if mark is not None]


def watcher(**changes: Any) -> Watcher:
    values: dict[str, Any] = {"condition": ALWAYS, "kinds": LOGS, "mark": START, **changes}
    return Watcher(**values)


@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\r", "\n\n\n", ""])
def test_an_event_is_one_line_however_its_json_was_written(breaks: str) -> None:
    extra = f'{{{breaks}"a":{breaks} ["\\n",{breaks}"event: end\\r\\n"]{breaks}}}'
    row = log_row("pretty\r\nprinted", extra_data=extra)
    everything = watcher()
    everything.offer(Burst([TailRecord(0, 5, 2_000, [row])], START))
    ((name, data, _),) = shown(everything.take())
    assert (name, data["message"]) == ("event", "pretty\r\nprinted")
    assert data["extra_data"] == {"a": ["\n", "event: end\r\n"]}


def test_a_slow_reader_is_told_how_many_it_lost_where_it_lost_them() -> None:
    slow = watcher(most_frames=3)
    slow.offer(Burst([record(0, 0, "a", "b", "c", "d", "e")], START))
    first = shown(slow.take())
    assert [name for name, _, _ in first] == ["event", "event", "event", "skipped"]
    assert first[3][1] == {"count": 2}
    slow.offer(Burst([record(0, 1, "f")], START))
    assert messages(slow.take()) == ["f"]
    assert slow.take() == b""


def test_waiting_bytes_are_limited_too() -> None:
    slow = watcher(most_bytes=1_000)
    slow.offer(Burst([record(0, 0, *("x" * 600 for _ in range(5)))], START))
    names = [name for name, _, _ in shown(slow.take())]
    assert names == ["event", "event", "skipped"] or names == ["event", "skipped"]
    slow.offer(Burst([record(0, 1, "again")], START))
    assert messages(slow.take()) == ["again"]


def test_a_reader_wakes_only_for_what_it_asked() -> None:
    woken: list[bool] = []
    one = watcher(condition=Contains("b"), on_change=lambda: woken.append(True))
    one.offer(Burst([record(0, 0, "a")], START))
    assert woken == []
    one.offer(Burst([record(0, 1, "b")], START))
    assert woken == [True]
    assert one.mark.offsets == {0: 2, 1: 0}


contents = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 3)), min_size=1, max_size=8
)  # partition and number of rows of each record


def records_of(layout: Sequence[tuple[int, int]]) -> list[TailRecord]:
    nexts = {0: 0, 1: 0}
    made = []
    for partition, count in layout:
        offset = nexts[partition]
        nexts[partition] += 1
        names = [f"{partition}.{offset}.{index}" for index in range(count)]
        made.append(record(partition, offset, *names))
    return made


@given(contents, st.data())
def test_from_every_mark_one_goes_on_without_loss_or_repeat(
    layout: list[tuple[int, int]], data: st.DataObject
) -> None:
    everything = records_of(layout)
    whole = watcher()
    whole.offer(Burst(everything, START))
    frames = whole.take()
    names, places = messages(frames), marks(frames)
    for number, mark in enumerate(places):
        cut = data.draw(st.integers(0, len(everything)))
        back = watcher(since=decode_mark(encode_mark(mark)))
        # what is read again may begin anywhere before the mark, and comes in two parts
        back.offer(Burst(everything[:cut], START))
        back.offer(Burst(everything[cut:], START))
        assert messages(back.take()) == names[number + 1 :]


@pytest.mark.parametrize(
    "text",
    ["", "x", "AAAA", "é", "a" * 5_000, encode_mark(START)[:-3], "lAEBgA"],
)
def test_what_is_no_mark_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        decode_mark(text)


def test_the_ring_keeps_a_minute_or_so_many_bytes() -> None:
    ring = Ring(most_bytes=100, most_ms=60_000)
    ring.start({0: 5, 1: 0})
    assert ring.holds(Mark(1, 0, {0: 5, 1: 3}))
    assert not ring.holds(Mark(1, 0, {0: 4, 1: 3}))
    ring.add(0, 5, 1_000, b"x" * 60)
    ring.add(1, 0, 2_000, b"y" * 30)
    assert [place[:2] for place in ring.since(Mark(1, 0, {0: 5, 1: 0}))] == [(0, 5), (1, 0)]
    assert [place[:2] for place in ring.since(Mark(1, 0, {0: 6, 1: 0}))] == [(1, 0)]
    ring.add(0, 6, 3_000, b"z" * 60)
    assert not ring.holds(Mark(1, 0, {0: 5, 1: 0}))
    assert ring.holds(Mark(1, 0, {0: 6, 1: 0}))
    ring.add(0, 7, 70_000, b"late")
    assert ring.since(Mark(1, 0, {0: 6, 1: 0})) == [(0, 7, 70_000, b"late")]
    assert ring.floors == {0: 7, 1: 1}


def test_a_batch_is_new_once_among_the_newest() -> None:
    seen = SeenBatches(most_count=2)
    keys = [UUID(int=number).bytes for number in range(3)]
    assert [seen.is_new(key) for key in (keys[0], keys[0], keys[1], keys[2])] == [
        True,
        False,
        True,
        True,
    ]
    assert seen.is_new(keys[0])
    assert seen.is_new(None)
    assert seen.is_new(None)
