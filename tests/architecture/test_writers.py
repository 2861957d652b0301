"""Every table and every topic has one writing service, and it is the one that its text names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from libs.common.db.tables import Table
from libs.common.topics import TOPICS
from tests.architecture.tree import python_files, relative, service_folders, service_names

TO_COME = {"metrics", "alerter"}
"""Services whose tables are there already."""
SERVICES = service_names() | TO_COME
CHANGES = {"insert", "update", "delete"}
CHANGING_SQL = re.compile(
    r"\b(?:INSERT INTO|UPDATE|DELETE FROM|COPY)\s+\"?([a-z_]+)", re.IGNORECASE
)
CONSUMERS = {reader for topic in TOPICS for reader in topic.readers}


def models() -> list[type[Table]]:
    return [mapper.class_ for mapper in Table.registry.mappers]


def docstring_of(model: type[Table]) -> str:
    return " ".join((model.__doc__ or "").split())


def writers_of(model: type[Table]) -> set[str]:
    """Return the services that a table's docstring names as its writers, by column group."""
    text = docstring_of(model)
    named = set(re.findall(r"\bby (?:the )?(\w+)", text)) & SERVICES
    return named | (CONSUMERS if "consumer" in text else set())


def changes_in(path: Path) -> Iterator[tuple[str, str]]:
    """Return the tables that a module changes, by class or by name, with the place."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in CHANGES and node.args and isinstance(node.args[0], ast.Name):
                yield node.args[0].id, f"{relative(path)}:{node.lineno}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            for name in CHANGING_SQL.findall(node.value):
                yield name, f"{relative(path)}:{node.lineno}"


def test_every_table_names_its_writer() -> None:
    nameless = [
        model.__name__
        for model in models()
        if not writers_of(model) and "by `headwater" not in docstring_of(model)
    ]

    assert nameless == []


def test_services_to_come_have_tables_and_no_folder() -> None:
    named = {name for model in models() for name in writers_of(model)}

    assert named >= TO_COME
    assert TO_COME & service_names() == set()


def test_services_change_only_the_tables_that_name_them() -> None:
    by_name = {model.__name__: model for model in models()}
    by_name |= {model.__tablename__: model for model in models()}

    strangers = [
        f"{place} changes {name}"
        for service in service_folders()
        for path in python_files(f"services/{service.name}")
        for name, place in changes_in(path)
        if name in by_name and service.name not in writers_of(by_name[name])
    ]

    assert strangers == []


def test_every_topic_has_one_existing_writer_and_existing_readers() -> None:
    for topic in TOPICS:
        assert topic.writer in service_names()
        assert {*topic.readers, *topic.followers} <= service_names()


def test_topic_names_are_written_in_one_file() -> None:
    names = {topic.name for topic in TOPICS}
    repeated = [
        f"{relative(path)}:{node.lineno}"
        for path in python_files("libs", "services")
        if relative(path) != "libs/common/topics.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in names
    ]

    assert repeated == []
