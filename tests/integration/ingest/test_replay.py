"""`POST /internal/replay`: signed letters only, one identity however often they come."""

from typing import Any
from uuid import UUID, uuid5

import httpx
import msgspec
import pytest

from libs.common.access_keys import internal_signature
from services.ingest.api.replay import PATH
from tests.integration.ingest.house import INSTALLATION_SECRET, Gateway, batch, bearer

LETTER_ID = UUID("0192aacc-0000-7000-8000-00000000abcd")


def letter_of(gateway: Gateway) -> dict[str, Any]:
    batch_id = gateway.post(batch("came back")).json()["batch_id"]
    (row,) = gateway.record_of(batch_id).logs
    payload = {name: getattr(row, name) for name in row.__struct_fields__}
    return {
        "letter_id": LETTER_ID,
        "stage": "writer",
        "dead_lettered_count": 2,
        "application": "shop",
        "key_id": "k1",
        "received_at": row.received_at,
        "event_kind": "log",
        "payload": payload,
    }


def post(gateway: Gateway, body: bytes, signature: str | None) -> httpx.Response:
    headers = {} if signature is None else {"x-headwater-internal": signature}
    return gateway.client.post(PATH, content=body, headers=headers)


def test_a_letter_keeps_its_identity(gateway: Gateway) -> None:
    document = letter_of(gateway)
    body = msgspec.json.encode(document)
    answers = [post(gateway, body, internal_signature(INSTALLATION_SECRET, body)) for _ in "12"]
    assert [answer.status_code for answer in answers] == [202, 202]
    first, second = (answer.json() for answer in answers)
    assert first["letter_id"] == str(LETTER_ID)
    assert first["receipt"]["partition"] == second["receipt"]["partition"]
    copies = [r for r in gateway.records() if r.header.letter_id == LETTER_ID]
    assert {copy.header.batch_id for copy in copies} == {uuid5(LETTER_ID, "2")}
    assert {copy.header.letter_stage for copy in copies} == {"writer"}
    assert all(copy.logs[0].id == document["payload"]["id"] for copy in copies)


def test_only_who_knows_the_secret_may_replay(gateway: Gateway) -> None:
    body = msgspec.json.encode(letter_of(gateway))
    other = internal_signature(b"another secret of an installation", body)
    tampered = internal_signature(INSTALLATION_SECRET, body + b" ")
    for signature in (None, "", "0" * 64, other, tampered):
        answer = post(gateway, body, signature)
        assert answer.status_code == 401
    assert gateway.client.post(PATH, content=body, headers=bearer()).status_code == 401
    assert gateway.client.get(PATH).status_code == 405


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b'{"letter_id":"x"}', b"\xff"])
def test_signed_nonsense(gateway: Gateway, body: bytes) -> None:
    answer = post(gateway, body, internal_signature(INSTALLATION_SECRET, body))
    assert (answer.status_code, answer.json()["reason"]) == (422, "invalid_batch")
