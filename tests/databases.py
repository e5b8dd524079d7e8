"""A real PostgreSQL for a module of tests, and its database as each test finds it: without a cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.postgres import PostgresServer


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresServer]:
    """The server of a module's tests."""
    pytest.importorskip("procrastinate")
    with PostgresServer() as server:
        yield server


@pytest.fixture
def empty(database: PostgresServer) -> Iterator[PostgresServer]:
    """The server with nothing of a cluster, and no setting of a test before."""
    yield database
    database.query("ALTER DATABASE archivar RESET ALL", "postgres")
    database.query("DROP SCHEMA IF EXISTS archivar CASCADE")
