"""What names of applications, keys and users may be, for the admin API and the command line.

The patterns are read alike by Python and Rust (pydantic); they have to match the whole text.
"""

# Control characters are refused: PostgreSQL takes no NUL, and nobody means the others.
PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
NAME_MAX_LENGTH = 200

EMAIL = r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$"
EMAIL_MAX_LENGTH = 320

PASSWORD_MIN_LENGTH = 12
PASSWORD_MAX_LENGTH = 1_024

SUBJECT_PART_MAX_LENGTH = 256
"""Of the application and of the user id, as events carry them."""
SUBJECT_MAX_COUNT = 1_000

ORIGIN = r"^(\*|[Hh][Tt][Tt][Pp][Ss]?://(\*\.)?[A-Za-z0-9._-]+(:[0-9]{1,5})?)$"
"""As browsers send it, any host below one (`https://*.example.com`), or any at all (`*`)."""
ORIGIN_MAX_LENGTH = 300
