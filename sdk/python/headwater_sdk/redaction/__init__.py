"""Takes secrets out of events before they are stored or sent, as the gateway does.

The rule file and most of the code are the gateway's own, copied by `scripts/sdk_redaction.py`; what
stands here besides is what the gateway does with packages that an application may not have.
"""

from headwater_sdk.redaction.redactor import Redactor
from headwater_sdk.redaction.rules import RedactOptions

__all__ = ["RedactOptions", "Redactor"]
