"""The five levels, and the names and numbers that other loggers use for them."""

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_ALIASES = {
    "DEBUG": "DEBUG",
    "TRACE": "DEBUG",
    "VERBOSE": "DEBUG",
    "FINE": "DEBUG",
    "INFO": "INFO",
    "LOG": "INFO",
    "NOTICE": "INFO",
    "INFORMATION": "INFO",
    "WARN": "WARNING",
    "WARNING": "WARNING",
    "ERROR": "ERROR",
    "ERR": "ERROR",
    "SEVERE": "ERROR",
    "FATAL": "CRITICAL",
    "CRITICAL": "CRITICAL",
    "CRIT": "CRITICAL",
    "ALERT": "CRITICAL",
    "EMERGENCY": "CRITICAL",
    "EMERG": "CRITICAL",
    "PANIC": "CRITICAL",
}

KNOWN_LEVELS = dict(_ALIASES) | {name.lower(): level for name, level in _ALIASES.items()}
"""Our level by the spellings that loggers use: one look-up for nearly every event."""


def level_name(value: str | int) -> str | None:
    """Map a level's name in any case, or an OpenTelemetry severity number (1-24), to ours.

    Returns None where the value names no level.
    """
    if isinstance(value, str):
        known = KNOWN_LEVELS.get(value)
        if known is not None:
            return known
        folded = value.strip().upper()
        if len(folded) <= 2 and folded.isascii() and folded.isdigit():
            return level_name(int(folded))
        return _ALIASES.get(folded)
    if isinstance(value, bool) or not 1 <= value <= 24:
        return None
    if value <= 8:
        return "DEBUG"
    return ("INFO", "WARNING", "ERROR", "CRITICAL")[(value - 9) // 4]
