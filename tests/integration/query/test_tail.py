"""The live tail through HTTP, from a real Kafka topic."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from services.query.consumer import TailHub, TailLimits
from tests.integration.query.house import House, open_house
from tests.integration.query.tailing import (
    TAIL,
    Feed,
    exception_row,
    log_row,
    opened_hub,
    query_row,
    watch,
)
from tests.stack import Stack

QUICK = {
    "tail_heartbeat": timedelta(milliseconds=300),
    "tail_recheck": timedelta(milliseconds=600),
}


@pytest.fixture
async def house(database: str, hub: TailHub) -> AsyncIterator[House]:
    async with open_house(database, hub, **QUICK) as opened:
        yield opened


async def test_events_come_as_they_are_accepted(admin: httpx.AsyncClient, feed: Feed) -> None:
    await feed.say("before anybody watched")
    async with watch(admin) as stream:
        await feed.send(log_row("one", extra_data='{"cart": 3}'), exception_row("boom"))
        event = await stream.until("event")
        assert (event.data["kind"], event.data["message"]) == ("log", "one")
        assert event.data["extra_data"] == {"cart": 3}
        event = await stream.until("event")
        assert (event.data["kind"], event.data["message"]) == ("exception", "boom")
        assert event.data["stacktrace"] == [{"function": "f"}]


async def test_filters_and_kinds(admin: httpx.AsyncClient, feed: Feed) -> None:
    async with (
        watch(admin, q="level:>=error OR needle") as errors,
        watch(admin, text="NEEDLE") as needles,
        watch(admin, kind="query") as queries,
    ):
        await feed.send(
            log_row("hay"),
            log_row("a needle"),
            log_row("bad", level="CRITICAL"),
            query_row("SELECT 1"),
        )
        await feed.send(log_row("last Needle", level="ERROR"), query_row("SELECT 2"))
        assert sorted(await errors.events(3)) == ["a needle", "bad", "last Needle"]
        assert sorted(await needles.events(2)) == ["a needle", "last Needle"]
        assert sorted(await queries.events(2)) == ["SELECT 1", "SELECT 2"]


async def test_a_second_attempt_is_not_shown(admin: httpx.AsyncClient, feed: Feed) -> None:
    async with watch(admin) as stream:
        batch_id = uuid4()
        row = log_row("once")
        await feed.send(row, batch_id=batch_id)
        await feed.send(row, batch_id=batch_id)
        await feed.send(log_row("replayed"), letter_id=uuid4(), letter_stage="writer")
        await feed.publisher.publish(feed.topic, b"odd", b"\xff no batch")
        await feed.say("end")
        assert sorted(await stream.events(2)) == ["end", "once"]
        assert (await stream.next()).name == "heartbeat"


async def test_who_comes_back_misses_nothing(admin: httpx.AsyncClient, feed: Feed) -> None:
    async with watch(admin, text="n") as stream:
        await feed.say("n0", "other", "n1", "n2")
        assert await stream.events(2) == ["n0", "n1"]
        last_id = stream.last_id
    await feed.say("n3")
    await feed.say("n4", "other")
    async with watch(admin, text="n", last_id=last_id) as stream:
        await feed.say("n5")
        assert sorted(await stream.events(4)) == ["n2", "n3", "n4", "n5"]
        assert (await stream.next()).name == "heartbeat"


async def test_one_can_come_back_to_another_process(
    stack: Stack, telemetry: str, database: str, admin: httpx.AsyncClient, feed: Feed
) -> None:
    async with watch(admin) as stream:
        await feed.say("n0", "n1")
        assert await stream.events(1) == ["n0"]
        last_id = stream.last_id
    await feed.say("n2")
    async with (
        opened_hub(stack.kafka_connection, telemetry) as other,
        open_house(database, other, **QUICK) as house,
        house.client(await house.token("admin@example.com", "admin")) as client,
        watch(client, last_event_id=last_id) as stream,
    ):
        await feed.say("n3")
        assert sorted(await stream.events(3)) == ["n1", "n2", "n3"]


async def test_a_heartbeat_is_a_place_to_come_back_to(admin: httpx.AsyncClient, feed: Feed) -> None:
    async with watch(admin, text="never") as stream:
        await feed.say("not that")
        beat = await stream.until("heartbeat")
        for _ in range(3):
            beat = await stream.until("heartbeat")
        assert beat.id is not None
    await feed.say("never say never")
    async with watch(admin, text="never", last_id=beat.id) as stream:
        assert await stream.events(1) == ["never say never"]


async def test_the_opening_is_a_place_to_come_back_to(admin: httpx.AsyncClient, feed: Feed) -> None:
    async with watch(admin) as witness:
        async with watch(admin) as stream:
            pass
        await feed.say("while away")
        assert await witness.events(1) == ["while away"]
        # who leaves again at once has not seen it
        async with watch(admin, last_id=stream.last_id) as stream:
            pass
        async with watch(admin, last_id=stream.last_id) as stream:
            assert await stream.events(1) == ["while away"]


async def test_who_was_away_too_long_is_told_of_a_gap(
    stack: Stack, telemetry: str, database: str, feed: Feed
) -> None:
    limits = TailLimits(resume=timedelta(milliseconds=500))
    async with (
        opened_hub(stack.kafka_connection, telemetry, limits) as hub,
        open_house(database, hub, **QUICK) as house,
        house.client(await house.token("admin@example.com", "admin")) as client,
    ):
        async with watch(client) as stream:
            await feed.say("n0")
            await stream.events(1)
            last_id = stream.last_id
        await asyncio.sleep(0.7)
        await feed.say("missed")
        await asyncio.sleep(0.3)
        async with watch(client, last_id=last_id) as stream:
            pass
        async with watch(client, last_id=stream.last_id) as stream:
            gap = await stream.until("gap")
            assert gap.data["from"] < gap.data["to"]
            await feed.say("n1")
            assert await stream.events(1) == ["n1"]


async def test_a_slow_reader_is_told_of_every_event_it_lost(
    house: House, admin: httpx.AsyncClient, feed: Feed
) -> None:
    narrow = httpx.AsyncHTTPTransport(socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)])
    async with (
        httpx.AsyncClient(
            base_url=house.base_url, headers=admin.headers, transport=narrow, timeout=30
        ) as slow,
        watch(slow) as stream,
        watch(admin, text="last") as witness,
    ):
        for number in range(40):
            await feed.say(*(f"{number} {'x' * 8_000}" for _ in range(50)))
        await feed.say("last")
        await witness.events(1)
        shown, skipped = 0, 0
        async with asyncio.timeout(20):
            while shown + skipped < 40 * 50 + 1:
                message = await stream.next()
                shown += message.name == "event"
                skipped += message.data["count"] if message.name == "skipped" else 0
        assert shown > 0
        assert skipped > 0
        assert shown + skipped == 40 * 50 + 1
        await feed.say("after that")
        assert await stream.events(1) == ["after that"]


async def test_own_rows_only(house: House, feed: Feed) -> None:
    token = await house.token("jane@example.com", "user", [("shop", "42")])
    nobody = await house.token("new@example.com", "user")
    async with (
        house.client(token) as jane,
        house.client(nobody) as new,
        watch(jane) as own,
        watch(new) as none,
    ):
        await feed.send(
            log_row("another's", user_id="43"),
            log_row("other app", user_id="42", application="blog"),
            log_row("nobody's"),
            log_row("mine", user_id="42"),
        )
        assert await own.events(1) == ["mine"]
        assert (await own.next()).name == "heartbeat"
        assert (await none.next()).name == "heartbeat"


async def test_a_tail_ends_with_the_rights_to_it(house: House, feed: Feed) -> None:
    token = await house.token("jane@example.com", "user", [("shop", "42")])
    async with house.client(token) as jane, watch(jane) as stream:
        await house.fetch("UPDATE users SET subjects = '[]' WHERE email = 'jane@example.com'")
        end = await stream.until("end")
        assert end.data == {"reason": "signed_out"}
        with pytest.raises(EOFError):
            await stream.next()


async def test_a_tail_ends_when_the_process_drains(hub: TailHub, admin: httpx.AsyncClient) -> None:
    async with watch(admin) as stream:
        await hub.close()
        assert (await stream.until("end")).data == {"reason": "restart"}


async def test_as_many_watch_as_may(stack: Stack, telemetry: str, database: str) -> None:
    limits = TailLimits(most_watchers=1)
    async with (
        opened_hub(stack.kafka_connection, telemetry, limits) as hub,
        open_house(database, hub, **QUICK) as house,
        house.client(await house.token("admin@example.com", "admin")) as client,
    ):
        async with watch(client):
            refused = await client.get(TAIL)
            assert (refused.status_code, refused.json()["reason"]) == (503, "tail_unavailable")
        for _ in range(100):
            async with client.stream("GET", TAIL) as answer:
                if answer.status_code == 200:
                    break
            await asyncio.sleep(0.05)
        else:
            pytest.fail("the place of who left stayed taken")


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"from": "2026-01-01"}, "from"),
        ({"kind": "metric"}, "kind"),
        ({"last_event_id": "???"}, "last_event_id"),
        ({"last_event_id": "x" * 5000}, "last_event_id"),
        ({"limit": "5"}, "limit"),
        ({"q": "level:"}, "q"),
    ],
)
async def test_what_is_wrong_is_refused_by_name(
    admin: httpx.AsyncClient, query: dict[str, str], named: str
) -> None:
    answer = await admin.get(TAIL, params=query)
    assert answer.status_code == 422
    assert answer.json()["parameter"] == named


async def test_without_kafka_the_tail_says_so(database: str) -> None:
    async with (
        open_house(database) as house,
        house.client(await house.token("admin@example.com", "admin")) as client,
    ):
        answer = await client.get(TAIL)
    assert (answer.status_code, answer.json()["reason"]) == (503, "tail_unavailable")
