"""Compiles the patterns that run over bytes."""

from typing import Any

import re2

_MAX_DFA_BYTES = 64 << 20


def compile_bytes(pattern: str) -> Any:
    """Compile with RE2, one character a byte, with memory enough for the pattern to stay a DFA."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = True
    options.max_mem = _MAX_DFA_BYTES
    options.log_errors = False
    return re2.compile(pattern.encode("latin-1"), options)
