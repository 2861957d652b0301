"""Redacts events without decoding them: the secrets of ordinary shape are cut out of the raw JSON.

An event whose secret is the string under a sensitive key, or a part of a string without escapes, is
patched in place. Whatever is less plain (escapes, JSON in strings, objects under a sensitive key, text
that is not ASCII) is left to the walk over the decoded event. Both ways answer alike: a property test
compares them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from libs.common.redaction.names import NameTest, Verdict, is_name
from libs.common.redaction.prefilter import Prefilter, Raw, locate
from libs.common.redaction.texts import TextRedactor

_QUOTE = 0x22
_COLON = 0x3A
_BACKSLASH = 0x5C
_STRUCTURE = b" \t\r\n:,[]{}-+.0123456789truefalsnE"
_ABSENT = (b"", b"[REDACTED]")


@dataclass
class RawResult:
    """What became of the suspect events of a body; events in neither field are clean."""

    patched: dict[int, bytes] = field(default_factory=dict)  # index to redacted raw JSON
    odd: list[int] = field(default_factory=list)  # indexes to decode and to give to `redact_events`


class RawRedactor:
    """Patches raw events; see `Redactor.redact_raw`."""

    def __init__(self, prefilter: Prefilter, names: NameTest, texts: TextRedactor, mark: str) -> None:
        self._search = prefilter.search
        self._verdict = names.verdict
        self._ask = texts.ask
        self._mark = mark.encode()
        # Patterns of an installation may overlap the built-in ones: only the walk joins their spans.
        self._plain = not texts.has_custom

    def redact(self, body: bytes, events: Sequence[Raw], hits: Counter[str]) -> RawResult:
        """Return the redacted raw text of each dirty event, and which ones need the walk."""
        result = RawResult()
        search = self._search
        counted: list[str] = []
        start, stop = search(body, 0)
        for index, (first, end) in enumerate(locate(body, events)):
            if stop < 0:
                break
            if start < first:
                start, stop = search(body, first)
            if start >= end or stop < 0:
                continue
            before = len(counted)
            pieces: list[bytes] = []
            done = first
            while 0 <= start < end:
                patch = self._patch(body, start, stop, counted) if self._plain else None
                if patch is None:
                    result.odd.append(index)
                    del counted[before:]
                    pieces = []
                    start, stop = search(body, end)
                    break
                spans, resume = patch
                for begin, close in spans:
                    pieces += (body[done:begin], self._mark)
                    done = close
                start, stop = search(body, resume)
            if pieces:
                pieces.append(body[done:end])
                result.patched[index] = b"".join(pieces)
        hits.update(counted)
        return result

    def _patch(
        self, body: bytes, start: int, stop: int, counted: list[str]
    ) -> tuple[list[tuple[int, int]], int] | None:
        """Return the spans that a hit makes vanish and where to go on; nothing if it is not plain."""
        lead = body[start]
        if lead >= 0x80 or lead == _BACKSLASH:
            return None
        core = start + 1 if lead == _QUOTE else start
        opening = body.rfind(b'"', 0, core)
        closing = body.find(b'"', core)
        if closing < stop - 1 or body[opening - 1] == _BACKSLASH:
            return None
        if opening + 1 < core and not body[opening + 1 : core + 1].strip(_STRUCTURE):
            return None  # perhaps a number between strings
        token = body[opening + 1 : closing]
        if b"\\" in token or not token.isascii():
            return None
        text = str(token, "ascii")
        is_key = body[closing + 1] == _COLON
        if is_key or is_name(text):
            verdict = self._verdict(text)
            if verdict is not Verdict.KEEP:
                return self._under_key(body, closing, verdict, counted) if is_key else None
        found, resume = self._ask(text, start - opening - 1, stop - opening - 1)
        if not found:
            return [], max(opening + 1 + resume, start + 1)
        if is_key or text[:1] in "{[":
            return None
        spans = []
        for begin, close, rule in found:
            spans.append((opening + 1 + begin, opening + 1 + close))
            counted.append(rule)
        return spans, max(opening + 1 + resume, start + 1)

    def _under_key(
        self, body: bytes, closing: int, verdict: Verdict, counted: list[str]
    ) -> tuple[list[tuple[int, int]], int] | None:
        if verdict is not Verdict.MASK or body[closing + 2] != _QUOTE:
            return None
        begin = closing + 3
        close = body.find(b'"', begin)
        value = body[begin:close]
        if b"\\" in value:
            return None
        if value in _ABSENT:
            return [], close
        counted.append("name")
        return [(begin, close)], close
