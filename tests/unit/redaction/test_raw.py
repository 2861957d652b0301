"""Raw events side by side: each is judged alone, whatever stands beside it."""

from collections import Counter
from itertools import accumulate

import msgspec
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


@pytest.mark.parametrize(
    "events",
    [
        [CLEAN],
        [DIRTY, DIRTY],
        [CLEAN, DIRTY, ODD, CLEAN, DIRTY],
        [b"", DIRTY, b""],
        [b'"4111111111111111"', b"41111111", b"11111111"],
        [b'{"password":"cut off'],
        [b'{"password', b'":"x"}'],
    ],
)
@pytest.mark.parametrize(
    "around", [(b"", b""), (b'{"events":[', b'],"password":"x"}'), (b"4", b"1")]
)
def test_what_stands_within_a_body_is_judged_as_if_alone(
    events: list[bytes], around: tuple[bytes, bytes]
) -> None:
    before, after = around
    firsts = list(accumulate([len(event) + 1 for event in events], initial=len(before)))
    alone: Counter[str] = Counter()
    within: Counter[str] = Counter()
    expected = REDACTOR.redact_raw(events, alone)
    body = before + b",".join(events) + after
    assert REDACTOR.redact_within(body, firsts, within) == expected
    assert within == alone


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


@pytest.mark.parametrize(
    ("link", "patched"),
    [
        ("https://a:b@h/x?token=abc", "https://a:[REDACTED]@h/x?token=[REDACTED]"),
        (
            "https://a:b@h?token=abc&pwd=c#d",
            "https://a:[REDACTED]@h?token=[REDACTED]&pwd=[REDACTED]",
        ),
        ("redis://:pw@h:6379/0", "redis://:[REDACTED]@h:6379/0"),
        ("https://a:b@c@h/", "https://a:[REDACTED]@h/"),
        ("https://a:b@h,i/?token=null", "https://a:[REDACTED]@h,i/?token=null"),
        ("https://a:b@h/?token=None&x=1", "https://a:[REDACTED]@h/?token=None&x=1"),
        ("https://a:b@h/?token=:x", None),
        ("https://a:b@h/?token_count=12&token=a,b", None),
        ("https://a:b@h/?basic_token=1;TOKEN=(x)", None),
        ("https://a:b@h/?pwd=b'x'&otp=12", None),
    ],
)
def test_plain_urls_are_patched_as_the_walk_redacts_them(link: str, patched: str | None) -> None:
    raw_hits: Counter[str] = Counter()
    walk_hits: Counter[str] = Counter()
    event = {"link": link}
    result = REDACTOR.redact_raw([msgspec.json.encode(event)], raw_hits)
    redacted = REDACTOR.redact(event, walk_hits)
    if patched is not None:
        assert redacted == {"link": patched}
    if not result.odd:
        assert msgspec.json.decode(result.patched[0]) == redacted
        assert raw_hits == walk_hits
