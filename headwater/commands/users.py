"""`headwater users`: the people who read."""

import json
import secrets
from typing import Annotated

import typer

from headwater.commands.options import HomeOption, fail, open_administration, run
from libs.common.access_names import PASSWORD_MAX_LENGTH, PASSWORD_MIN_LENGTH

EmailArgument = Annotated[str, typer.Argument(help="The user's e-mail address")]
PasswordOption = Annotated[
    str | None,
    typer.Option(help="The password; - reads it from standard input", show_default="a random one"),
]


def build() -> typer.Typer:
    """Return the subcommands."""
    users = typer.Typer(no_args_is_help=True)
    users.command("create")(create)
    users.command("list")(list_all)
    users.command("set-password")(set_password)
    users.command("disable")(disable)
    users.command("enable")(enable)
    users.command("set-subjects")(set_subjects)
    return users


def create(
    email: EmailArgument,
    role: Annotated[str, typer.Option(help="admin reads everything, user only their own")] = "user",
    password: PasswordOption = None,
    home: HomeOption = None,
) -> None:
    """Make a user; prints the password where none was given."""
    if role not in ("admin", "user"):
        fail("--role takes admin or user")
    chosen = _choose_password(password)
    administration = open_administration(home)
    run(administration.create_user(email, chosen, role))
    typer.echo(f"Created {email}" if password else chosen)


def list_all(home: HomeOption = None) -> None:
    """Show all users."""
    administration = open_administration(home)
    for user in run(administration.users()):
        state = "active" if user["is_active"] else "disabled"
        subjects = json.dumps(user["subjects"])
        typer.echo(f"{user['email']:<32}  {user['role']:<5}  {state:<8}  {subjects}")


def set_password(
    email: EmailArgument, password: PasswordOption = None, home: HomeOption = None
) -> None:
    """Change a password and end the user's sessions; prints it where none was given."""
    chosen = _choose_password(password)
    administration = open_administration(home)
    run(administration.set_password(email, chosen))
    typer.echo(f"Changed the password of {email}" if password else chosen)


def disable(email: EmailArgument, home: HomeOption = None) -> None:
    """Let a user in no more; the last admin stays."""
    administration = open_administration(home)
    run(administration.set_user_active(email, is_active=False))
    typer.echo(f"Disabled {email}")


def enable(email: EmailArgument, home: HomeOption = None) -> None:
    """Let a disabled user in again."""
    administration = open_administration(home)
    run(administration.set_user_active(email, is_active=True))
    typer.echo(f"Enabled {email}")


def set_subjects(
    email: EmailArgument,
    subject: Annotated[
        list[str] | None, typer.Argument(help="APPLICATION:USER_ID of rows that the user may read")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Say whose rows a user sees, instead of those said before; none sees nothing."""
    pairs = []
    for text in subject or []:
        application, separator, user_id = text.partition(":")
        if not (application and separator and user_id):
            fail(f"{text}: a subject is APPLICATION:USER_ID")
        pairs.append((application, user_id))
    administration = open_administration(home)
    run(administration.set_subjects(email, pairs))
    typer.echo(f"{email} sees {len(pairs)} subjects")


def _choose_password(given: str | None) -> str:
    if given is None:
        return secrets.token_urlsafe(15)
    chosen = typer.get_text_stream("stdin").readline().rstrip("\n") if given == "-" else given
    if not PASSWORD_MIN_LENGTH <= len(chosen) <= PASSWORD_MAX_LENGTH:
        fail(f"a password has {PASSWORD_MIN_LENGTH} to {PASSWORD_MAX_LENGTH:,} characters")
    return chosen
