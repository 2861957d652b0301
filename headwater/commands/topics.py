"""`headwater topics`: the Kafka topics of an installation."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from headwater.commands.options import HomeOption, fail, one_line_errors, resolve_home, run

TopicArgument = Annotated[str, typer.Argument(help="Name of the topic")]


def build() -> typer.Typer:
    """Return the subcommands."""
    topics = typer.Typer(no_args_is_help=True)
    topics.command("list")(list_all)
    topics.command("create")(create)
    topics.command("grow")(grow)
    topics.command("adopt")(adopt)
    return topics


def list_all(home: HomeOption = None) -> None:
    """Show the topics with their partitions and replicas."""

    async def work() -> None:
        from headwater.topics import TopicAdmin  # noqa: PLC0415 - see the package

        async with TopicAdmin(_kafka_of(home)) as admin:
            for state in sorted(await admin.states(), key=lambda state: state.name):
                typer.echo(
                    f"{state.name:<24} {state.partition_count} partitions, "
                    f"{state.in_sync_count} of {state.replica_count} replicas in sync"
                )

    run(work())


def create(home: HomeOption = None) -> None:
    """Create the topics that are missing; those that are there stay as they are."""

    async def work() -> None:
        from headwater.topics import TopicAdmin  # noqa: PLC0415 - see the package
        from libs.common.topics import TOPICS  # noqa: PLC0415

        async with TopicAdmin(_kafka_of(home)) as admin:
            created = await admin.create(TOPICS)
        typer.echo(f"Created {', '.join(created)}" if created else "All topics are there")

    run(work())


def grow(
    topic: TopicArgument,
    partitions: Annotated[int, typer.Argument(min=1, help="How many it shall have")],
    timeout: Annotated[
        int, typer.Option(min=1, help="Seconds to wait, at each of two points")
    ] = 120,
    assume_dead: Annotated[
        bool, typer.Option(help="Do not wait for gateways that fell silent")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Give a topic more partitions: gateways pause, consumers drain, it grows, all go on."""

    async def work() -> None:
        from headwater.connections import open_database  # noqa: PLC0415 - see the package
        from headwater.topic_growth import Growth, grow_topic  # noqa: PLC0415
        from headwater.topics import TopicAdmin  # noqa: PLC0415
        from libs.common.topics import TOPICS  # noqa: PLC0415

        declared = {each.name: each for each in TOPICS}
        if topic not in declared:
            fail(f"{topic} is none of ours: {', '.join(declared)}")
        growth = Growth(
            topic, partitions, declared[topic].readers, timedelta(seconds=timeout), assume_dead
        )
        async with (
            open_database(resolve_home(home)) as connection,
            TopicAdmin(_kafka_of(home)) as admin,
        ):
            await grow_topic(growth, connection, admin, typer.echo)

    run(work())


def adopt(
    topic: TopicArgument,
    reader: Annotated[str, typer.Option(help="The consumer that stands still")] = "writer",
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking")] = False,
    home: HomeOption = None,
) -> None:
    """Let stopped partitions go on with the topic as it is now."""

    async def work() -> None:
        from headwater.connections import open_database  # noqa: PLC0415 - see the package
        from headwater.topic_adoption import adopt, plan_adoption  # noqa: PLC0415
        from headwater.topics import TopicAdmin  # noqa: PLC0415
        from libs.common.db.offsets import Fence  # noqa: PLC0415

        async with (
            open_database(resolve_home(home)) as connection,
            TopicAdmin(_kafka_of(home)) as admin,
        ):
            plan = await plan_adoption(connection, admin, reader, topic)
            for step in plan:
                typer.echo(str(step))
            if not plan:
                typer.echo("Nothing stands still")
                return
            if not (yes or typer.confirm("Adopt the topic as it is now?")):
                raise typer.Exit(1)
            fence = Fence(reader, topic, await admin.cluster_id())
            moved = await adopt(connection, fence, plan)
        if moved:
            fail(f"{reader} moved meanwhile in {len(moved)} partitions: run it again")
        typer.echo(f"{reader} goes on in {len(plan)} partitions")

    run(work())


def _kafka_of(home: Path | None) -> dict[str, object]:
    from headwater.connections import kafka_connection  # noqa: PLC0415 - see the package

    with one_line_errors():
        return kafka_connection(resolve_home(home))
