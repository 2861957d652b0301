"""`headwater keys`: ingest keys."""

from typing import Annotated

import typer

from headwater.commands.options import HomeOption, fail, open_administration, run

KeyArgument = Annotated[str, typer.Argument(help="The key's id, the part after hw_")]


def build() -> typer.Typer:
    """Return the subcommands."""
    keys = typer.Typer(no_args_is_help=True)
    keys.command("create")(create)
    keys.command("list")(list_all)
    keys.command("rotate")(rotate)
    keys.command("disable")(disable)
    keys.command("enable")(enable)
    return keys


def create(  # noqa: PLR0913 - each is an option of the command line
    application: Annotated[str, typer.Argument(help="Whose events the key carries")],
    kind: Annotated[
        str | None,
        typer.Option(help="server or browser", show_default="server; browser with --origin"),
    ] = None,
    name: Annotated[str, typer.Option(help="What people know it by")] = "",
    origin: Annotated[
        list[str] | None,
        typer.Option(help="Of pages that may use the key: https://shop.example.com; repeatable"),
    ] = None,
    backfill: Annotated[bool, typer.Option(help="May write back to the retention limit")] = False,
    home: HomeOption = None,
) -> None:
    """Make a key and print it: nobody can read it again."""
    from libs.common.db.accounts import (  # noqa: PLC0415 - see the package
        ImpossibleKey,
        NewIngestKey,
        check_ingest_key,
    )

    # A key for pages lies open in them: a server key, which is a secret, has to be asked for.
    kind = kind or ("browser" if origin else "server")
    if kind not in ("server", "browser"):
        fail("--kind takes server or browser")
    key = NewIngestKey(application, kind, name or application, origin or (), backfill)
    try:
        check_ingest_key(key)
    except ImpossibleKey as error:
        fail(str(error))
    administration = open_administration(home)
    made = run(administration.create_key(key))
    typer.echo(made.text)


def list_all(home: HomeOption = None) -> None:
    """Show all keys, without their secrets."""
    administration = open_administration(home)
    for key in run(administration.keys()):
        state = "enabled" if key["is_enabled"] else "disabled"
        typer.echo(
            f"{key['id']}  {state:<8}  {key['kind']:<7}  {key['application']:<24}  {key['name']}"
        )


def rotate(key_id: KeyArgument, home: HomeOption = None) -> None:
    """Give a key a new secret and print it; the old one goes on working for a day."""
    administration = open_administration(home)
    made = run(administration.rotate_key(key_id))
    typer.echo(made.text)


def disable(key_id: KeyArgument, home: HomeOption = None) -> None:
    """Refuse a key from now on (gateways notice within ten seconds)."""
    administration = open_administration(home)
    run(administration.set_key_enabled(key_id, is_enabled=False))
    typer.echo(f"Disabled {key_id}")


def enable(key_id: KeyArgument, home: HomeOption = None) -> None:
    """Take a disabled key again, by its last secret."""
    administration = open_administration(home)
    run(administration.set_key_enabled(key_id, is_enabled=True))
    typer.echo(f"Enabled {key_id}")
