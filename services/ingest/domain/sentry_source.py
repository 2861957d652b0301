"""Redacts the source lines of frames together: a private key in them spans several."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import Any

from services.ingest.domain.sentry_event import Values, dict_of

RedactText = Callable[[str, Counter[str]], str]


def redact_source(event: Values, redact: RedactText, hits: Counter[str]) -> None:
    """Redact the source lines of an event's frames, in place."""
    for frame in _frames(event):
        before, after = _lines(frame.get("pre_context")), _lines(frame.get("post_context"))
        here = [frame["context_line"]] if isinstance(frame.get("context_line"), str) else []
        lines = [*before, *here, *after]
        text = "\n".join(lines)
        redacted = redact(text, hits) if lines else text
        if redacted == text:
            continue
        lines = _spread(redacted.split("\n"), lines)
        if before:
            frame["pre_context"] = lines[: len(before)]
        if here:
            frame["context_line"] = lines[len(before)]
        if after:
            frame["post_context"] = lines[len(before) + len(here) :]


def _spread(redacted: list[str], lines: list[str]) -> list[str]:
    """Return as many lines as there were, empty ones behind the first that changed."""
    pairs = zip_longest(redacted, lines)
    changed = next(number for number, (new, old) in enumerate(pairs) if new != old)
    gone = [""] * (len(lines) - len(redacted))
    spread = [*redacted[: changed + 1], *gone, *redacted[changed + 1 :]]
    # a line that holds several comes to its end with the last of them
    return [*spread[: len(lines) - 1], "\n".join(spread[len(lines) - 1 :])]


def _lines(value: Any) -> list[str]:
    is_source = isinstance(value, list) and all(isinstance(line, str) for line in value)
    return value if is_source else []


def _frames(event: Values) -> Iterator[Values]:
    thrown = dict_of(event.get("exception"))
    stacks = [dict_of(event.get("extra_data")).get("stacktrace"), thrown.get("stacktrace")]
    stacks += [dict_of(one).get("stacktrace") for one in thrown.get("cause") or []]
    for frames in stacks:
        yield from (frame for frame in frames or [] if isinstance(frame, dict))
