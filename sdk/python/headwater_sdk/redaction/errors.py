# Made by scripts/sdk_redaction.py from libs/common/redaction/errors.py.
"""What may go wrong with redaction rules; redaction itself never fails."""


class RuleError(ValueError):
    """A rule file, or one rule in it, cannot be used; the text says which and why."""
