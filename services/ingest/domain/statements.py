"""Takes the values out of SQL that stands in attributes, by the names that libraries give them."""

from typing import Any

from libs.common.redaction import strip_sql_literals

_NAMES = ("db.query.text", "db.statement")


def strip_statements(values: dict[str, Any]) -> None:
    """Replace the literals of statements among attributes by `?`, in place."""
    for name in _NAMES:
        if isinstance(values.get(name), str):
            values[name] = strip_sql_literals(values[name])


def strip_breadcrumb(crumb: dict[str, Any]) -> None:
    """Do the same for a breadcrumb of a query, whose message is the statement, in place."""
    if crumb.get("category") == "query" and isinstance(crumb.get("message"), str):
        crumb["message"] = strip_sql_literals(crumb["message"])
    if isinstance(crumb.get("data"), dict):
        strip_statements(crumb["data"])
