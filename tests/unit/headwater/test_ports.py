"""Ports are picked once and kept, and never the same for two names."""

import socket
from pathlib import Path

from headwater.stack.ports import PORT_RANGE, PortBook, accepts_connections, is_free


def test_a_port_is_kept_while_it_is_free(tmp_path: Path) -> None:
    first = PortBook(tmp_path / "ports.json").take("kafka")
    assert first in PORT_RANGE
    assert PortBook(tmp_path / "ports.json").take("kafka") == first


def test_a_taken_port_is_replaced(tmp_path: Path) -> None:
    book = PortBook(tmp_path / "ports.json")
    first = book.take("kafka")
    with socket.create_server(("127.0.0.1", first)):
        assert not is_free(first)
        second = book.take("kafka")
    assert second != first
    assert book.take("kafka") == second


def test_names_have_different_ports(tmp_path: Path) -> None:
    book = PortBook(tmp_path / "ports.json")
    ports = [book.take(f"name-{number}") for number in range(20)]
    assert len(set(ports)) == len(ports)


async def test_accepts_connections(tmp_path: Path) -> None:
    port = PortBook(tmp_path / "ports.json").take("server")
    assert not await accepts_connections(port)
    with socket.create_server(("127.0.0.1", port)):
        assert await accepts_connections(port)
