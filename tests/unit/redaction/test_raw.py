"""Raw events side by side: each is judged alone, whatever stands beside it."""

from collections import Counter

import pytest

from libs.common.redaction import Redactor, load_rules

REDACTOR = Redactor(load_rules())
CLEAN = b'{"message":"ordinary text","n":12}'
DIRTY = b'{"password":"hunter2"}'
PATCHED = b'{"password":"[REDACTED]"}'
ODD = rb'{"message":"caf\u00e9 password=\"hunter2\""}'


@pytest.mark.parametrize(
    ("events", "patched", "odd"),
    [
        ([CLEAN], [], []),
        ([DIRTY], [0], []),
        ([DIRTY, DIRTY, DIRTY], [0, 1, 2], []),
        ([CLEAN, DIRTY, CLEAN, CLEAN, DIRTY], [1, 4], []),
        ([DIRTY, CLEAN, ODD, CLEAN, DIRTY], [0, 4], [2]),
        ([ODD, ODD], [], [0, 1]),
        ([b"{}", DIRTY, b"{}"], [1], []),
        ([b"", DIRTY, b""], [1], []),
    ],
)
def test_every_event_gets_its_own_verdict(
    events: list[bytes], patched: list[int], odd: list[int]
) -> None:
    hits: Counter[str] = Counter()
    result = REDACTOR.redact_raw(events, hits)
    assert result.patched == dict.fromkeys(patched, PATCHED)
    assert list(result.odd) == odd
    assert hits == Counter({"name": len(patched)} if patched else {})


def test_what_two_events_hold_together_is_no_secret() -> None:
    # digits of one event and of the next would make a card number
    events = [b"41111111", b"11111111", b'"4111 1111"', b'"1111 1111"']
    assert REDACTOR.redact_raw(events, Counter()).patched == {}


def test_several_secrets_of_one_event() -> None:
    event = b'{"token":"abc","message":"paid with 4111111111111111","pin":"none","secret":"x"}'
    hits: Counter[str] = Counter()
    result = REDACTOR.redact_raw([event], hits)
    assert result.odd == []
    assert b"4111" not in result.patched[0]
    assert b'"abc"' not in result.patched[0]
    assert sum(hits.values()) >= 3
