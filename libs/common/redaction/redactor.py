"""The redaction engine: one object, built once from rules, used by every request."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from libs.common.redaction.fold import Fold
from libs.common.redaction.names import NameTest
from libs.common.redaction.prefilter import Prefilter
from libs.common.redaction.raw import Raw, RawRedactor, RawResult
from libs.common.redaction.rules import Rules
from libs.common.redaction.texts import TextRedactor
from libs.common.redaction.walk import JsonValue, Walk

Hits = Counter[str]


class Redactor:
    """Finds secrets in raw JSON and takes them out of decoded values.

    Pure: no IO, no clock, no failure for any value that JSON can hold. `hits` counts replacements
    by rule and never holds what was found.
    """

    def __init__(self, rules: Rules) -> None:
        fold = Fold(rules.fold)
        names = NameTest(rules.names, fold)
        texts = TextRedactor(rules, names, fold)
        self._raw = RawRedactor(Prefilter(rules.prefilter), names, texts, rules.replacement)
        self._walk = Walk(rules, names, texts)

    def redact_raw(self, events: Sequence[Raw], hits: Hits) -> RawResult:
        """Redact the raw JSON of events without decoding them; the fastest way through a batch.

        Events that are not plain enough come back by index: decode those, then `redact_events`.
        """
        return self._raw.redact(events, hits)

    def redact_within(self, body: bytes, firsts: Sequence[int], hits: Hits) -> RawResult:
        """Redact raw JSON that stands side by side in a body, without a copy of it.

        Each part goes from one of `firsts` up to a byte before the next; the last begins none.
        """
        return self._raw.redact_within(body, firsts, hits)

    def redact(self, value: JsonValue, hits: Hits) -> JsonValue:
        """Return a decoded value without secrets; the same object if it holds none. Idempotent."""
        return self._walk.value(value, hits)

    def redact_text(self, text: str, hits: Hits) -> str:
        """Return one text (a message, a URL, a header line) without secrets."""
        return self._walk.text(text, hits)

    def redact_events(
        self, events: list[dict[str, JsonValue]], hits: Hits
    ) -> list[dict[str, JsonValue]]:
        """Return events redacted; the fast form for the suspect events of a batch.

        Faster than one walk after another: they are encoded, patched as raw JSON, and only those
        that changed are decoded again.
        """
        try:
            raw = [msgspec.json.encode(event) for event in events]
        except (TypeError, ValueError, OverflowError, RecursionError):
            return [
                self._walk.value(event, hits) for event in events
            ]  # not JSON: the walk takes all
        patched = self._raw.redact(raw, hits)
        redacted = list(events)
        for index, text in patched.patched.items():
            redacted[index] = msgspec.json.decode(text)
        for index in patched.odd:
            redacted[index] = self._walk.value(events[index], hits)
        return redacted
