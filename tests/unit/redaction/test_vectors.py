"""The shared vectors: every way through the engine gives what the file says."""

import json
from collections import Counter
from importlib.resources import files
from typing import Any

import msgspec
import pytest

import libs.common.redaction
from libs.common.redaction import Redactor, load_rules

VECTORS = json.loads(files(libs.common.redaction).joinpath("vectors.json").read_text("utf-8"))
REDACTOR = Redactor(load_rules())
each_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda one: one["name"])


@each_vector
def test_the_walk(vector: dict[str, Any]) -> None:
    hits: Counter[str] = Counter()
    assert REDACTOR.redact(vector["input"], hits) == vector["output"]
    assert hits == Counter(vector["hits"])


@each_vector
def test_raw_events(vector: dict[str, Any]) -> None:
    for raw in (
        msgspec.json.encode({"extra_data": vector["input"]}),
        json.dumps({"extra_data": vector["input"]}, indent=1).encode(),
    ):
        hits: Counter[str] = Counter()
        result = REDACTOR.redact_raw([b'{"message":"x"}', raw], hits)
        assert set(result.patched) | set(result.odd) <= {1}
        if not result.odd:
            answer = json.loads(result.patched.get(1, raw))
            assert answer == {"extra_data": vector["output"]}
            assert hits == Counter(vector["hits"])
        else:
            assert hits == Counter()  # whoever takes the walk counts


@each_vector
def test_events_of_a_batch(vector: dict[str, Any]) -> None:
    clean = {"message": "kept", "extra_data": {"n": 1}}
    hits: Counter[str] = Counter()
    events = [clean, {"extra_data": vector["input"]}, clean]
    assert REDACTOR.redact_events(events, hits) == [
        clean,
        {"extra_data": vector["output"]},
        clean,
    ]
    assert hits == Counter(vector["hits"])


@each_vector
def test_once_is_enough(vector: dict[str, Any]) -> None:
    assert REDACTOR.redact(vector["output"], Counter()) == vector["output"]


def test_most_secrets_are_patched_without_decoding() -> None:
    raw = [msgspec.json.encode({"extra_data": one["input"]}) for one in VECTORS if one["hits"]]
    result = REDACTOR.redact_raw(raw, Counter())
    assert len(result.patched) > len(raw) / 3
