"""Describes what was raised: type, message, stack and causes, never a variable of a frame."""

from itertools import islice
from traceback import walk_tb
from types import TracebackType
from typing import Any

from headwater_sdk.record.database import cut_parameters, first_line, is_from_database

_FRAMES = 50
_WALKED = 1_000
_CAUSES = 5
_VALUE_LENGTH = 8_192
_TYPE_LENGTH = 500
_SEEN = "__headwater_captured__"


def describe_exception(error: BaseException) -> dict[str, Any]:
    """Return the exception as the ingest contract writes it; never raises.

    Causes are those that Python prints, and the members of groups; the stack is innermost first.
    """
    described: list[dict[str, Any]] = []
    chain, from_database = [error], False
    for one in chain:
        if len(described) > _CAUSES:
            break
        # What the database said below a failed statement may quote the row.
        from_database = from_database or is_from_database(one)
        described.append(
            {
                "type": type_name(one),
                "value": message_of(one, from_database=from_database),
                "stacktrace": _stack(one.__traceback__),
            }
        )
        chain += [cause for cause in _causes(one) if not any(cause is known for known in chain)]
    first, *causes = described
    return first | {"cause": causes} if causes else first


def type_name(error: BaseException) -> str:
    """Return the name of its type as Python prints it."""
    kind = type(error)
    name = kind.__qualname__
    whole = name if kind.__module__ in {"builtins", "__main__"} else f"{kind.__module__}.{name}"
    return whole[:_TYPE_LENGTH]


def mark_captured(error: BaseException) -> None:
    """Remember that an exception is an event already: whoever logs it on its way adds a log."""
    try:
        setattr(error, _SEEN, True)
    except Exception:  # a type of the application without room for it
        return


def is_captured(error: BaseException) -> bool:
    """Say whether an exception is an event already."""
    return getattr(error, _SEEN, False) is True


def message_of(error: BaseException, *, from_database: bool = False) -> str:
    """Return what an exception says, without the values of a statement; never raises."""
    try:
        text = str(error)[: _VALUE_LENGTH + 1]
        if len(text) > _VALUE_LENGTH:
            text = f"{text[:_VALUE_LENGTH]}…"
        if from_database or is_from_database(error):
            return first_line(text)
        return cut_parameters(text)
    except Exception:  # its own `__str__`
        return "[Unreadable]"


def _stack(trace: TracebackType | None) -> list[dict[str, Any]]:
    frames = [
        {
            "function": frame.f_code.co_qualname,
            "file": frame.f_code.co_filename,
            "line": line,
            "module": frame.f_globals.get("__name__"),
        }
        for frame, line in islice(walk_tb(trace), _WALKED)
    ]
    return frames[::-1][:_FRAMES]


def _causes(error: BaseException) -> list[BaseException]:
    cause = error.__cause__
    if cause is None and not error.__suppress_context__:
        cause = error.__context__
    members = error.exceptions[:_CAUSES] if isinstance(error, BaseExceptionGroup) else ()
    return [one for one in (cause, *members) if one is not None]
