"""The query parameters of log searches: a route's own and filters, and how OpenAPI documents them.

Filters are read by `domain/log_filters.py`, not by FastAPI: `level!` is no Python name, and what is
unknown is to be refused by name.
"""

from typing import Any

from fastapi import Request

from libs.common.events import LEVELS
from libs.common.http.paging import DEFAULT_LIMIT, MAX_LIMIT
from services.query.domain.buckets import INTERVALS
from services.query.domain.errors import InvalidParameter
from services.query.domain.facets import (
    DEFAULT_TOP,
    FACET_COLUMNS,
    HISTOGRAM_COLUMNS,
    MAX_FIELDS,
    MAX_TOP,
)
from services.query.domain.fields import MAX_INTEGER, TEXT_COLUMNS
from services.query.domain.log_filters import (
    MAX_VALUE_LENGTH,
    MAX_VALUES,
    LogFilters,
    parse_filters,
)
from services.query.domain.tail import KINDS
from services.query.domain.tail_marks import MAX_LENGTH

Parameter = dict[str, Any]

_EXAMPLES = {
    "application": "shop",
    "environment": "production",
    "release": "2026.11.2",
    "source": "frontend",
    "module": "checkout",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "session_id": "s-81",
    "user_id": "42",
    "request_path": "/api/v1/orders",
}
_NO_NUL = r"^[^\x00]*$"


def split_parameters(
    request: Request, own_limits: dict[str, int]
) -> tuple[dict[str, list[str]], LogFilters]:
    """Take a route's own parameters out of the filters; raises InvalidParameter."""
    own: dict[str, list[str]] = {name: [] for name in own_limits}
    rest: list[tuple[str, str]] = []
    for name, text in request.query_params.multi_items():
        if name in own:
            own[name].append(text)
        else:
            rest.append((name, text))
    for name, texts in own.items():
        if len(texts) > own_limits[name]:
            raise InvalidParameter(name, f"at most {own_limits[name]} times")
    return own, parse_filters(rest)


def _parameter(name: str, description: str, schema: dict[str, Any], example: Any) -> Parameter:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
        "example": example,
    }


def _several(name: str, description: str, item: dict[str, Any], example: Any) -> Parameter:
    schema = {"type": "array", "items": item, "maxItems": MAX_VALUES}
    made = _parameter(name, description, schema, [example])
    return made | {"style": "form", "explode": True}


def _both_ways(name: str, item: dict[str, Any], example: Any) -> list[Parameter]:
    return [
        _several(name, f"`{name}` is one of these", item, example),
        _several(f"{name}!", f"`{name}` is none of these", item, example),
    ]


def _filter_parameters() -> list[Parameter]:
    text = {"type": "string", "maxLength": MAX_VALUE_LENGTH, "pattern": _NO_NUL}
    status = {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER}
    number = {"type": "number"}
    moment = {"type": "string", "format": "date-time"}
    made = [
        _parameter(
            "text",
            'Each word, or "quoted phrase", occurs in the message, whatever its case',
            text,
            'timeout "payment failed"',
        ),
        _parameter(
            "q",
            "The same and more as one text: fields, `-` or NOT, AND, OR, parentheses "
            "(docs/guide/search.md has the grammar). An error names the `position` and `problem`",
            text,
            'level:error -module:auth "exact words" duration:>500 (timeout OR refused)',
        ),
        *_both_ways("level", {"type": "string", "enum": list(LEVELS)}, "ERROR"),
    ]
    for name in TEXT_COLUMNS:
        made += _both_ways(name, text, _EXAMPLES[name])
    made += _both_ways("request_method", text, "GET")
    made += _both_ways("status_code", status, 500)
    for bound, word in (("min", "at least"), ("max", "at most")):
        made.append(_parameter(f"status_code_{bound}", f"{word} this status", number, 500))
        made.append(_parameter(f"duration_ms_{bound}", f"{word} so long", number, 12.5))
    made += [
        _parameter(
            "from", "at this moment or later (or `start_time`)", moment, "2026-11-23T00:00:00Z"
        ),
        _parameter("to", "before this moment (or `end_time`)", moment, "2026-11-24T00:00:00Z"),
        _several(
            "extra.tenant",
            "an example of `extra.key=value`: any dotted path into the event's `extra_data`; "
            "`extra.key!` excludes",
            text,
            "acme",
        ),
    ]
    return made


def interval_parameter() -> Parameter:
    """Return the parameter that sets the length of a bucket."""
    choices = {"type": "string", "enum": ["auto", *INTERVALS]}
    return _parameter("interval", "length of a bucket", choices, "auto")


def by_parameter() -> Parameter:
    """Return the parameter that says by which column a histogram counts."""
    choices = {"type": "string", "enum": list(HISTOGRAM_COLUMNS), "default": "level"}
    return _parameter("by", "one series for each value of this column", choices, "source")


def field_parameter() -> Parameter:
    """Return the parameter that names the fields whose values are counted."""
    schema = {"type": "array", "items": {"type": "string"}, "maxItems": MAX_FIELDS}
    names = f"`extra.path` or one of {', '.join(FACET_COLUMNS)}"
    made = _parameter("field", f"fields whose values are counted: {names}", schema, ["level"])
    return made | {"style": "form", "explode": True}


def top_parameter() -> Parameter:
    """Return the parameter that sets how many values of a field are listed."""
    schema = {"type": "integer", "minimum": 1, "maximum": MAX_TOP, "default": DEFAULT_TOP}
    return _parameter("top", "how many values of a field are listed", schema, DEFAULT_TOP)


def _tail_parameters() -> tuple[Parameter, ...]:
    kinds = {"type": "array", "items": {"type": "string", "enum": list(KINDS)}}
    kind = _parameter("kind", "kinds of events; logs and exceptions without it", kinds, ["log"])
    place = _parameter(
        "last_event_id",
        "where to go on, for clients that cannot send the header `Last-Event-ID`",
        {"type": "string", "maxLength": MAX_LENGTH},
        "",
    )
    del place["example"]
    return kind | {"style": "form", "explode": True}, place


def limit_parameter() -> Parameter:
    """Return the parameter that sets how many rows an answer holds."""
    schema = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    return _parameter("limit", "most rows of an answer", schema, DEFAULT_LIMIT)


def cursor_parameter() -> Parameter:
    """Return the parameter that turns the page."""
    made = _parameter(
        "cursor",
        "`next_cursor` (older rows) or `prev_cursor` (newer rows) of an answer to the same filters",
        {"type": "string", "maxLength": 200},
        "",
    )
    del made["example"]
    return made


FILTER_PARAMETERS = tuple(_filter_parameters())
PAGE_PARAMETERS = (limit_parameter(), cursor_parameter())
TAIL_PARAMETERS = _tail_parameters()
