"""Redacts events without decoding them: the secrets of ordinary shape are cut out of the raw JSON.

An event whose secret is the string under a sensitive key, or a part of a string without escapes, is
patched in place. Whatever is less plain (escapes, JSON in strings, objects under a sensitive key,
text that is not ASCII) is left to the walk over the decoded event. Both ways answer alike: a
property test compares them.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import msgspec

from libs.common.redaction.checks import ORDINARY_NUMBER
from libs.common.redaction.names import NameTest, Verdict, is_name
from libs.common.redaction.plain import CREDENTIALS, PlainParameters
from libs.common.redaction.prefilter import Prefilter
from libs.common.redaction.texts import TextRedactor, stands_apart

Raw = bytes | msgspec.Raw

_KEY_AND_TEXT = b'":"'
_NUMBER_TEXT = re.compile(f'"({ORDINARY_NUMBER})"'.encode())
_KEY_CACHE_COUNT = 4096
_LONGEST_TOKEN = 4096  # longer texts are cheaper to decode once than to cut out for each hit
_QUOTE = 0x22
_COLON = 0x3A
_KEY_ENDS = b": \t\r\n"
_BACKSLASH = 0x5C
_JSON_OPENINGS = "{["
_STRUCTURE = b" \t\r\n:,[]{}-+.0123456789truefalsnE"

Token = tuple[int, int, str]  # the quotes around a text that is no key, and the text itself
Patch = tuple[list[tuple[int, int]], int, Token]
"""Spans that become the mark, where to go on, and the text that they lie in."""

_NO_TOKEN: Token = (0, -1, "")


@dataclass
class RawResult:
    """What became of the suspect events of a body; events in neither field are clean."""

    patched: dict[int, bytes] = field(default_factory=dict)  # index to redacted raw JSON
    odd: list[int] = field(default_factory=list)  # indexes to decode and to give to `redact_events`


class RawRedactor:
    """Patches raw events; see `Redactor.redact_raw`."""

    def __init__(
        self, prefilter: Prefilter, names: NameTest, texts: TextRedactor, mark: str
    ) -> None:
        self._search = prefilter.search
        self._verdict = names.verdict
        self._texts = texts
        self._ask = texts.ask
        self._number_rule = texts.number_rule
        self._parameter = PlainParameters(names.verdict).value
        self._masked_keys: set[bytes] = set()  # with their opening quote
        self._text_mark = mark
        self._mark = mark.encode()
        self._absent = (b"", self._mark)
        # Patterns of an installation may overlap the built-in ones; only the walk joins spans.
        self._is_plain = not texts.has_custom

    def redact(self, events: Sequence[Raw], hits: Counter[str]) -> RawResult:
        """Return the redacted raw text of each dirty event, and which ones need the walk."""
        firsts = list(accumulate([len(event) + 1 for event in events], initial=0))
        return self.redact_within(b",".join(events), firsts, hits)

    def redact_within(self, body: bytes, firsts: Sequence[int], hits: Counter[str]) -> RawResult:
        """Redact what stands side by side in a body, without a copy of it.

        Each part goes from one of `firsts` up to a byte before the next; the last of them begins
        none. One search over all parts, begun anew behind what it found.
        """
        result = RawResult()
        search, masked_keys, mark = self._search, self._masked_keys, self._mark
        size = firsts[-1] - 1
        start, stop = search(body, firsts[0], size)[0]
        if stop < 0:
            return result
        counted: list[str] = []
        while stop >= 0:
            index = bisect_right(firsts, start) - 1
            done, end = firsts[index], firsts[index + 1] - 1
            if start == end:  # a hit over the edge of two events
                start, stop = search(body, end + 1, size)[0]
                continue
            before = len(counted)
            pieces: list[bytes] = []
            token = _NO_TOKEN
            while 0 <= start < end:
                # A call for every hit would cost as much as finding it, so the commonest shape is
                # dealt with here: a key that is known to hold a secret, and a text under it.
                # One search back for each text that ends so, hence linear over the body.
                opening = body.rfind(b'"', done, start) if body[stop : stop + 3] == b'":"' else -1
                if opening >= 0 and body[opening:stop] in masked_keys:
                    begin = stop + 3
                    resume = body.find(b'"', begin, end)
                    value = body[begin:resume]
                    if resume < 0 or b"\\" in value or body[opening - 1] == _BACKSLASH:
                        break
                    if value and value != mark:
                        pieces += (body[done:begin], mark)
                        done = resume
                        counted.append("name")
                else:
                    patch = (
                        self._patch(body, start, stop, counted)
                        if stop - 1 > token[1]
                        else self._patch_again(body, token, (start, stop), counted)
                    )
                    if patch is None:
                        break
                    cuts, resume, token = patch
                    if not start < resume <= end or token[1] >= end:
                        break  # its text does not end where the event does
                    for begin, close in cuts:
                        pieces += (body[done:begin], mark)
                        done = close
                start, stop = search(body, resume, size)[0]
            else:
                if pieces:
                    pieces.append(body[done:end])
                    result.patched[index] = b"".join(pieces)
                continue
            result.odd.append(index)
            del counted[before:]
            start, stop = search(body, end, size)[0]
        hits.update(counted)
        return result

    def _patch(self, body: bytes, start: int, stop: int, counted: list[str]) -> Patch | None:
        """Return the spans that a hit turns into the mark and where to go on; or not plain."""
        if not self._is_plain:
            return None  # so no key is ever known, either
        lead = body[start]
        if lead == _QUOTE:
            patch = self._number(body, start, counted)
            if patch is not None:
                return patch
        elif lead >= 0x80 or lead == _BACKSLASH:
            return None
        core = start + 1 if lead == _QUOTE else start
        opening = body.rfind(b'"', max(0, core - _LONGEST_TOKEN), core)
        closing = body.find(b'"', core, core + _LONGEST_TOKEN)
        if opening < 0 or closing < stop - 1 or body[opening - 1] == _BACKSLASH:
            return None
        if (
            lead != _QUOTE
            and body[stop - 1] in _STRUCTURE
            and not body[opening + 1 : stop].strip(_STRUCTURE)
        ):
            return None  # perhaps a number between strings
        token = body[opening + 1 : closing]
        if b"\\" in token or not token.isascii():
            return None
        text = str(token, "ascii")
        is_key = body[closing + 1] in _KEY_ENDS
        if (is_key or is_name(text)) and self._verdict(text) is not Verdict.KEEP:
            # A name that is a value may name the value beside it: `{"name": …, "value": …}`.
            return self._under_key(body, (opening, closing), text, counted) if is_key else None
        if lead == _COLON and not is_key and text[:1] not in _JSON_OPENINGS:
            match = CREDENTIALS.match(body, start)
            if match is not None:
                counted.append("url_credentials")
                return [match.span(1)], stop, (opening, closing, text)
        patch = self._cut((opening, closing, text), start, stop, counted)
        if patch is not None and (is_key or text[:1] in _JSON_OPENINGS):
            return None if patch[0] else (*patch[:2], _NO_TOKEN)
        return patch

    def _number(self, body: bytes, start: int, counted: list[str]) -> Patch | None:
        """Patch a text that is a card's number or an SSN and nothing else, told by one match."""
        match = _NUMBER_TEXT.match(body, start)
        if match is None or body[start - 1] == _BACKSLASH:
            return None
        begin, close = match.span(1)
        if body[close + 1] in _KEY_ENDS:
            return None
        rule = self._number_rule(str(body[begin:close], "ascii"))
        if rule is None:
            return None
        counted.append(rule)
        return [(begin, close)], close, _NO_TOKEN

    def _patch_again(
        self, body: bytes, token: Token, hit: tuple[int, int], counted: list[str]
    ) -> Patch | None:
        """Patch one more secret of a text that was looked at already, as in a URL."""
        span = self._parameter(body, *hit)
        if span is None:
            return self._cut(token, *hit, counted)
        counted.append("assignment")
        return [span], span[1], token

    def _cut(self, token: Token, start: int, stop: int, counted: list[str]) -> Patch | None:
        """Ask the rules about a hit in a text; None where secrets may touch."""
        opening, _, text = token
        first = opening + 1
        # a hit may begin with the quote before the text
        found, resume = self._ask(text, max(0, start - first), stop - first)
        resume += first
        if resume <= start:
            resume = start + 1
        spans = []
        for begin, close, rule in found:
            if not stands_apart(text, begin, close):
                return None  # the walk looks again behind the mark
            if text[begin:close] != self._text_mark:
                spans.append((first + begin, first + close))
                counted.append(rule)
        return spans, resume, token

    def _under_key(
        self, body: bytes, key: tuple[int, int], text: str, counted: list[str]
    ) -> Patch | None:
        opening, closing = key
        if self._verdict(text) is not Verdict.MASK or not body.startswith(_KEY_AND_TEXT, closing):
            return None
        if self._texts.redact(text, Counter()) != text:
            return None  # the key itself holds a secret
        if len(self._masked_keys) >= _KEY_CACHE_COUNT:
            self._masked_keys.clear()
        self._masked_keys.add(body[opening:closing])
        begin = closing + 3
        close = body.find(b'"', begin)
        value = body[begin:close]
        if b"\\" in value:
            return None
        if value in self._absent:
            return [], close, _NO_TOKEN
        counted.append("name")
        return [(begin, close)], close, _NO_TOKEN
