"""Joins the subcommands."""

import typer

from headwater.commands import demo, keys, local, migrate, topics, users


def build_app() -> typer.Typer:
    """Return the command line."""
    app = typer.Typer(
        name="headwater",
        help="Collects logs, exceptions, slow requests and slow queries; keeps each exactly once.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.command("up")(local.up)
    app.command("down")(local.down)
    app.command("status")(local.status)
    app.command("migrate")(migrate.migrate)
    app.command("demo")(demo.demo)
    app.add_typer(topics.build(), name="topics", help="Create and grow Kafka topics.")
    app.add_typer(keys.build(), name="keys", help="Make and change ingest keys.")
    app.add_typer(users.build(), name="users", help="Make and change the people who read.")
    return app
