"""What names of applications, keys and users look like, for the admin API and the command line.

Patterns that Python and Rust (pydantic) read alike; they have to match the whole text.
"""

# Control characters are refused: PostgreSQL takes no NUL, and nobody means the others.
PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
NAME_MAX_LENGTH = 200

EMAIL = r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$"
EMAIL_MAX_LENGTH = 320

ORIGIN = r"^(\*|[Hh][Tt][Tt][Pp][Ss]?://(\*\.)?[A-Za-z0-9._-]+(:[0-9]{1,5})?)$"
"""As browsers send it, any host below one (`https://*.example.com`), or any at all (`*`)."""
ORIGIN_MAX_LENGTH = 300
