"""Who has no key holds up nobody else: bodies that never end, sent to each door of the gateway."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import msgspec
import pytest

from libs.common.access_keys import internal_signature
from services.ingest.api.replay import PATH as REPLAY
from tests.integration.headwater.installation import until
from tests.integration.ingest.house import (
    INSTALLATION_SECRET,
    Gateway,
    batch,
    bearer,
    running_gateway,
)
from tests.integration.ingest.test_replay import letter_of
from tests.integration.ingest.test_replay import post as replay
from tests.integration.ingest.test_sentry import AUTH, ENVELOPE, KEY, an_event, post
from tests.stack import Stack

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def patient(stack: Stack, template_database: str) -> Iterator[Gateway]:
    """A gateway that waits for bodies longer than a test takes."""
    with running_gateway(stack, template_database, HEADWATER_BODY_TIMEOUT="PT60S") as gateway:
        yield gateway


@contextmanager
def hoarding(
    gateway: Gateway, path: str, size_bytes: int, **headers: str
) -> Iterator[Callable[[], socket.socket]]:
    """Return what posts a body of which the last byte never comes, until the end of the `with`."""
    lines = [f"POST {path} HTTP/1.1", "host: here", f"content-length: {size_bytes}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    sent = "\r\n".join([*lines, "", ""]).encode() + b"{" * (size_bytes - 1)
    with ExitStack() as opened:

        def post_one() -> socket.socket:
            address = ("127.0.0.1", gateway.process.port)
            connection = opened.enter_context(socket.create_connection(address, timeout=20))
            connection.sendall(sent)
            return connection

        yield post_one


def test_unsigned_letters_are_answered_unread(patient: Gateway) -> None:
    with hoarding(patient, REPLAY, 5 * MIB) as hoard:
        answers = [hoard().recv(4_096) for _ in range(16)]
        assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 401 Unauthorized"}
        assert patient.post(batch("passes")).status_code == 202


def test_letters_with_a_forged_signature_hold_up_letters_only(patient: Gateway) -> None:
    body = msgspec.json.encode(letter_of(patient))
    signature = internal_signature(INSTALLATION_SECRET, body)

    def status() -> int:
        return replay(patient, body, signature).status_code

    with hoarding(patient, REPLAY, MIB, **{"x-headwater-internal": "0" * 64}) as hoard:
        until(lambda: hoard() and status() == 503)
        assert patient.post(batch("passes")).status_code == 202
        metrics = patient.client.get("/metrics").text
        assert "headwater_ingest_inflight_bytes 0.0" in metrics
        assert 'headwater_ingest_requests_total{status="503"}' in metrics
    until(lambda: status() == 202)


def test_a_letter_that_is_too_long_is_not_read(patient: Gateway) -> None:
    body = b" " * (MIB + 1)
    answer = replay(patient, body, internal_signature(INSTALLATION_SECRET, body))
    assert (answer.status_code, answer.json()["reason"]) == (413, "body_too_large")


def test_envelopes_that_do_not_say_their_key_hold_up_their_like_only(patient: Gateway) -> None:
    _, event = an_event(message="tunnelled")
    item = event.partition(b"\n")[2]
    tunnelled = b'{"dsn":"http://%s@h:1/1"}\n%s' % (KEY.encode(), item)

    def status() -> int:
        return post(patient, tunnelled, {}).status_code

    assert status() == 200
    with hoarding(patient, ENVELOPE, 4 * MIB) as hoard:
        until(lambda: hoard() and status() == 429)
        assert post(patient, b"{}\n" + item, AUTH).status_code == 200
        assert patient.post(batch("passes"), bearer()).status_code == 202
    until(lambda: status() == 200)
