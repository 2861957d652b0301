"""Reads and writes the JSON that stands inside of texts, as strictly as the gateway does."""

import json
import math
from json.encoder import encode_basestring
from typing import Any, NoReturn

_LOWEST_FIXED = -5
"""Exponent from which on the gateway writes small numbers without one."""


class NotJsonError(ValueError):
    """A text that looked like JSON is none."""


def read_json(text: str) -> Any:
    """Return the value that a text holds; raises NotJsonError."""
    try:
        text.encode()  # half an emoji, which JSON cannot hold
        value = _decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as problem:
        raise NotJsonError from problem
    return value


def write_json(value: Any) -> str:
    """Return the shortest text of a value that was read."""
    match value:
        case str():
            return encode_basestring(value)
        case float():
            return _number(value)
        case dict():
            fields = (f"{encode_basestring(key)}:{write_json(one)}" for key, one in value.items())
            return f"{{{','.join(fields)}}}"
        case list():
            return f"[{','.join(map(write_json, value))}]"
        case _:
            return json.dumps(value)


def _decode(text: str) -> Any:
    return json.loads(text, parse_float=_finite, parse_constant=_refuse)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise NotJsonError(text)
    return value


def _refuse(name: str) -> NoReturn:
    raise NotJsonError(name)


def _number(value: float) -> str:
    mantissa, mark, exponent = repr(value).partition("e")
    if not mark:
        return mantissa
    power = int(exponent)
    if power != _LOWEST_FIXED:
        return f"{mantissa}e{power}"
    sign, digits = ("-", mantissa[1:]) if mantissa[0] == "-" else ("", mantissa)
    return f"{sign}0.0000{digits.replace('.', '')}"
