"""The documented shape of an event is the shape that is answered."""

from typing import Any

import msgspec
import pytest

from services.query.api.event_documents import ExceptionEntry, LogEventEntry, SampleEntry
from services.query.api.log_documents import Entry, LogEntry
from services.query.api.log_parameters import FILTER_PARAMETERS, PAGE_PARAMETERS
from services.query.domain.extra_values import extra_documents
from services.query.domain.fields import COLUMNS
from services.query.domain.log_filters import RANGES, parse_log_query
from services.query.store.kinds import (
    EXCEPTION_EVENTS,
    LOG_EVENTS,
    LOGS,
    SAMPLE_EVENTS,
    Kind,
)


@pytest.mark.parametrize(
    ("kind", "entry"),
    [
        (LOGS, LogEntry),
        (LOG_EVENTS, LogEventEntry),
        (EXCEPTION_EVENTS, ExceptionEntry),
        (SAMPLE_EVENTS, SampleEntry),
    ],
)
def test_the_three_lists_of_columns_agree(kind: Kind, entry: type[Entry]) -> None:
    columns = [column.name for column in kind.table.c]
    info: Any = msgspec.inspect.type_info(kind.item)
    assert [field.name for field in info.fields] == columns
    tag = set() if info.tag is None else {info.tag_field}
    assert set(entry.model_fields) == set(columns) | tag


def test_every_documented_parameter_is_read() -> None:
    names = [parameter["name"] for parameter in (*FILTER_PARAMETERS, *PAGE_PARAMETERS)]
    assert len(set(names)) == len(names)
    for column in COLUMNS:
        assert {column, f"{column}!"} <= set(names)
    assert set(RANGES) <= set(names)
    for parameter in FILTER_PARAMETERS:
        example: Any = parameter["example"]
        texts = example if isinstance(example, list) else [example]
        parse_log_query([(parameter["name"], str(text)) for text in texts])


def test_extra_values_stand_for_their_types() -> None:
    assert extra_documents("a", "5") == ['{"a":"5"}', '{"a":5}']
    assert extra_documents("a", "x") == ['{"a":"x"}']
    assert extra_documents("a", "true") == ['{"a":"true"}', '{"a":true}']
    assert extra_documents("a.b", "x") == ['{"a":{"b":"x"}}', '{"a.b":"x"}']
    assert extra_documents('a"', "1e999") == ['{"a\\"":"1e999"}']
