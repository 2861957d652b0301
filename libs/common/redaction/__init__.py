"""Takes secrets out of events before they are published, stored or logged.

Takes in decoded JSON, raw JSON, texts and SQL statements; gives back the same without passwords,
tokens, cards and the like. One rule file (`rules.json`) serves every place that redacts, in any
language; one file of vectors (`vectors.json`) says what each must answer. Pure: no IO at import.
"""

from libs.common.redaction.errors import RuleError
from libs.common.redaction.raw import RawResult
from libs.common.redaction.redactor import Hits, Redactor
from libs.common.redaction.rules import Rules, load_rules
from libs.common.redaction.sql import strip_sql_literals
from libs.common.redaction.walk import JsonValue

__all__ = [
    "Hits",
    "JsonValue",
    "RawResult",
    "Redactor",
    "RuleError",
    "Rules",
    "load_rules",
    "strip_sql_literals",
]
