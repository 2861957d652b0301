"""`headwater migrate`: brings the database to the schema of this version."""

from typing import Annotated

import typer

from headwater.commands.options import (
    HomeOption,
    one_line_errors,
    read_settings,
    resolve_home,
    run,
)


def migrate(
    home: HomeOption = None,
    eager_indexes: Annotated[
        bool | None,
        typer.Option(
            help="Keep all indexes on hot slices too", show_default="HEADWATER_EAGER_INDEXES"
        ),
    ] = None,
) -> None:
    """Bring the database to the schema of this version; safe to run again and at the same time."""
    from headwater.connections import database_url  # noqa: PLC0415 - see the package
    from libs.common.db.migrate import head_revision, upgrade  # noqa: PLC0415

    eager = read_settings().eager_indexes if eager_indexes is None else eager_indexes
    with one_line_errors():
        url = database_url(resolve_home(home))
    run(upgrade(url, eager_indexes=eager))
    typer.echo(f"The database is at revision {head_revision()}")
