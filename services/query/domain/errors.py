"""What can go wrong in the query service.

HeadwaterError
├── NotSignedIn              no valid session or token
├── InvalidCredentials       e-mail or password is wrong (never says which)
├── TooManyLogins            brute force limit, or too many logins at once
├── Forbidden                signed in, but the route is for admins
│   └── ForeignOrigin        a state-changing request that another site sent
├── NotFound                 no such row, or none that the caller may see
├── InvalidParameter         an unknown or malformed parameter, by name
│   └── InvalidQuery         what `q=` says is no query; it says where and why
├── InvalidDocument          the body breaks a rule that spans fields
├── Conflict
│   ├── LetterDecided        the dead letter is not open any more
│   └── ReplayRefused        the gateway would not take the dead letter
├── PreconditionMissing      a change without If-Match
├── PreconditionFailed       somebody else changed it first
└── Unavailable              try again
    ├── DatabaseUnavailable
    ├── GatewayUnavailable
    ├── SearchTooSlow        not even a small part was searched within the budget
    ├── TailUnavailable      Kafka cannot be read now, or too many watch already
    └── ExportsBusy          as many exports run as may

What the `headwater` command refuses too, EmailTaken and LastAdmin, is in `libs.common.db.accounts`.
"""

from libs.common.http.problems import HeadwaterError


class NotSignedIn(HeadwaterError):
    reason = "not_signed_in"


class InvalidCredentials(HeadwaterError):
    reason = "invalid_credentials"


class TooManyLogins(HeadwaterError):
    reason = "too_many_logins"
    retryable = True


class Forbidden(HeadwaterError):
    reason = "forbidden"


class ForeignOrigin(Forbidden):
    reason = "foreign_origin"


class NotFound(HeadwaterError):
    reason = "not_found"


class InvalidParameter(HeadwaterError):
    reason = "invalid_parameter"

    def __init__(self, parameter: str, detail: str) -> None:
        super().__init__(f"{parameter}: {detail}", parameter=parameter)


class InvalidQuery(InvalidParameter):
    reason = "invalid_query"

    def __init__(self, position: int, problem: str, detail: str) -> None:
        super().__init__("q", f"at {position}: {detail}")
        self.extra |= {"position": position, "problem": problem}


class InvalidDocument(HeadwaterError):
    reason = "invalid_document"


class Conflict(HeadwaterError):
    reason = "conflict"


class LetterDecided(Conflict):
    reason = "letter_decided"


class ReplayRefused(Conflict):
    reason = "replay_refused"


class PreconditionMissing(HeadwaterError):
    reason = "precondition_missing"


class PreconditionFailed(HeadwaterError):
    reason = "precondition_failed"


class Unavailable(HeadwaterError):
    reason = "unavailable"
    retryable = True


class DatabaseUnavailable(Unavailable):
    reason = "database_unavailable"


class GatewayUnavailable(Unavailable):
    reason = "gateway_unavailable"


class SearchTooSlow(Unavailable):
    reason = "search_too_slow"


class TailUnavailable(Unavailable):
    reason = "tail_unavailable"


class ExportsBusy(Unavailable):
    reason = "exports_busy"
