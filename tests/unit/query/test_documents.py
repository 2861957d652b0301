"""The documented shape of a log is the shape that is answered."""

from typing import Any

from libs.common.db.tables import AppLog
from services.query.api.log_documents import LogEntry
from services.query.api.log_parameters import FILTER_PARAMETERS, PAGE_PARAMETERS
from services.query.domain.log_filters import COLUMNS, RANGES, parse_log_query
from services.query.store.kinds import LogItem
from services.query.store.log_conditions import extra_documents


def test_the_three_lists_of_columns_agree() -> None:
    columns = [column.name for column in AppLog.__table__.c]
    assert list(LogItem.__struct_fields__) == columns
    assert list(LogEntry.model_fields) == columns


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
