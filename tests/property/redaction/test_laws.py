"""The laws of redaction, over nesting, casing, escapes and encodings."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.common.redaction import Redactor, load_rules
from libs.common.redaction.prefilter import Prefilter
from tests.property.redaction.strategies import (
    CARDS,
    SENSITIVE_NAMES,
    SSNS,
    escaping_writer,
    events,
    keys,
    texts,
    values,
    writers,
)

RULES = load_rules()
REDACTOR = Redactor(RULES)
PREFILTER = Prefilter(RULES.prefilter)
SHORT = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=100_000, deadline=None, suppress_health_check=list(HealthCheck))
Writer = Callable[[Any], bytes]


def redact(value: Any) -> Any:
    return REDACTOR.redact(value, Counter())


def suspects(raw: bytes) -> bool:
    return PREFILTER.search(raw, 0, len(raw))[0] != (-1, -1)


def check_prefilter_law(event: dict[str, Any], write: Writer) -> None:
    raw = write(event)
    decoded = msgspec.json.decode(raw)
    if redact(decoded) != decoded:
        assert suspects(raw)


def check_raw_agrees(several: list[dict[str, Any]], write: Writer) -> None:
    raw = [write(event) for event in several]
    walked: Counter[str] = Counter()
    expected = [REDACTOR.redact(msgspec.json.decode(one), walked) for one in raw]
    hits: Counter[str] = Counter()
    result = REDACTOR.redact_raw(raw, hits)
    for index, one in enumerate(raw):
        if index not in result.odd:
            assert msgspec.json.decode(result.patched.get(index, one)) == expected[index]
    if not result.odd:
        assert hits == walked


@SHORT
@given(event=events, write=writers)
def test_what_the_walk_changes_the_prefilter_hits(event: dict[str, Any], write: Writer) -> None:
    check_prefilter_law(event, write)


@pytest.mark.long
@pytest.mark.timeout(1800)
@LONG
@given(event=events, write=writers)
def test_what_the_walk_changes_the_prefilter_hits_long(
    event: dict[str, Any], write: Writer
) -> None:
    check_prefilter_law(event, write)


@SHORT
@given(several=st.lists(events, min_size=1, max_size=4), write=writers)
def test_patching_raw_events_answers_like_the_walk(
    several: list[dict[str, Any]], write: Writer
) -> None:
    check_raw_agrees(several, write)


@pytest.mark.long
@pytest.mark.timeout(1800)
@LONG
@given(several=st.lists(events, min_size=1, max_size=4), write=writers)
def test_patching_raw_events_answers_like_the_walk_long(
    several: list[dict[str, Any]], write: Writer
) -> None:
    check_raw_agrees(several, write)


@SHORT
@given(event=events)
def test_redacting_twice_changes_nothing(event: dict[str, Any]) -> None:
    once = redact(event)
    assert redact(once) == once


@SHORT
@given(several=st.lists(events, max_size=4))
def test_a_batch_is_redacted_like_its_events(several: list[dict[str, Any]]) -> None:
    assert REDACTOR.redact_events(several, Counter()) == [redact(event) for event in several]


@SHORT
@given(text=texts)
def test_a_text_stands_alone_as_in_an_event(text: str) -> None:
    assert REDACTOR.redact_text(text, Counter()) == redact([text])[0]


def spell(name: str, style: int) -> str:
    parts = name.split("_")
    camel = parts[0] + "".join(part.title() for part in parts[1:])
    spellings = (
        name,
        name.upper(),
        name.title(),
        camel,
        camel[:1].upper() + camel[1:],
        "-".join(parts),
        f"user[{name}]",
        f"x_{name}",
        f"{name}s",
        ".".join(parts),
        "".join(c.upper() if i % 2 else c for i, c in enumerate(name)),
        name.replace("s", "\u200bs"),
        "".join(chr(ord(c) + 0xFEE0) for c in name),
    )
    return spellings[style]


secret_values = st.from_regex(r"zq[a-z]{4}-[0-9a-z]{6}q", fullmatch=True)


@SHORT
@given(
    name=st.sampled_from(SENSITIVE_NAMES),
    style=st.integers(0, 12),
    secret=secret_values,
    path=st.lists(st.one_of(st.none(), st.sampled_from(("a", "user", "headers"))), max_size=12),
    wrap=st.sampled_from(
        (lambda v: v, lambda v: [v, {"x": v}], lambda v: {"inner": v}, json.dumps)
    ),
    write=st.one_of(writers, st.just(escaping_writer)),
)
def test_a_secret_under_a_sensitive_name_never_survives(
    name: str,
    style: int,
    secret: str,
    path: list[str | None],
    wrap: Callable[[str], Any],
    write: Writer,
) -> None:
    value: Any = {spell(name, style): wrap(secret), "note": "kept-note"}
    for step in path:
        value = [value] if step is None else {step: value}
    raw = write({"message": "m", "extra_data": value})
    assert suspects(raw)
    stored = json.dumps(redact(msgspec.json.decode(raw)), ensure_ascii=False)
    assert secret not in stored
    assert "kept-note" in stored
    result = REDACTOR.redact_raw([raw], Counter())
    assert result.odd == [0] or secret.encode() not in result.patched[0]


@SHORT
@given(
    secret=st.sampled_from((*CARDS, *SSNS)),
    before=st.sampled_from(("", "card ", "paid with (", "x=", "\n", '"', "é", "no.: ", "#", "/")),
    after=st.sampled_from(("", " declined", ")", ". Then", "\n", '"', ", 3 items", "é", "&y=1")),
    as_key=st.booleans(),
    write=st.one_of(writers, st.just(escaping_writer)),
)
def test_cards_and_ssns_never_survive_in_texts_and_keys(
    secret: str, before: str, after: str, as_key: bool, write: Writer
) -> None:
    text = before + secret + after
    raw = write({"extra_data": {text: 1} if as_key else {"n": [text]}})
    assert suspects(raw)
    stored = json.dumps(redact(msgspec.json.decode(raw)), ensure_ascii=False)
    assert secret not in stored
    assert json.dumps(before, ensure_ascii=False)[1:-1] in stored


@SHORT
@given(
    name=st.sampled_from(SENSITIVE_NAMES),
    style=st.integers(0, 10),
    secret=secret_values,
    form=st.sampled_from(
        (
            "{n}={s}", "{n}: {s}", '"{n}": "{s}"', "'{n}': '{s}'", "/p?{n}={s}&page=2",
            "https://h/x?a=1;{n}={s}#f", '{{\\"{n}\\": \\"{s}\\"}}', "{n} => {s}", "--{n} {s}",
            "<{n}>{s}</{n}>", "{n} := '{s}'", "next=%2F%3F{n}%3D{s}",
        )
    ),
)  # fmt: skip
def test_a_secret_announced_in_a_text_never_survives(
    name: str, style: int, secret: str, form: str
) -> None:
    if style == 6 and form.startswith(("--", "<")):
        style = 0  # brackets name no flag and no element
    text = f"kept-head {form.format(n=spell(name, style), s=secret)} kept-tail"
    redacted = REDACTOR.redact_text(text, Counter())
    assert secret not in redacted
    assert redacted.startswith("kept-head")
    assert redacted.endswith("kept-tail")


INNOCENT_NAMES = (
    "author", "authority", "passenger", "compass", "bypass", "passed", "secretary", "tokenizer",
    "session_id", "user_id", "module", "keyboard", "monkey", "api_version", "cookie_consent",
    "password_strength", "token_type",
)  # fmt: skip
WORDS = (
    "order",
    "of",
    "the",
    "author",
    "was",
    "priced",
    "passed",
    "to",
    "secretary",
    "42",
    "3.5",
    "ok,",
    "(see",
    "page)",
)


@SHORT
@given(
    name=st.sampled_from(INNOCENT_NAMES),
    words=st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join),
    number=st.one_of(st.integers(-(10**11), 10**11), st.floats(0, 1e6).map(lambda x: round(x, 3))),
    identifier=st.uuids(version=4).map(str),
    trace=st.integers(0, 2**128 - 1).map("{:032x}".format),
)
def test_innocent_events_stay_as_they_are(
    name: str, words: str, number: float, identifier: str, trace: str
) -> None:
    event = {
        "id": identifier,
        "trace_id": trace,
        "created_at": "2026-11-22T10:00:00.000Z",
        "message": words,
        "duration_ms": number,
        "extra_data": {name: words or "x", "list": [identifier, trace, number]},
    }
    assert redact(event) is event


@SHORT
@given(value=values, key=keys)
def test_any_value_is_redacted_without_failing(value: Any, key: str) -> None:
    hits: Counter[str] = Counter()
    redacted = REDACTOR.redact({key: value}, hits)
    assert (redacted == {key: value}) or hits
