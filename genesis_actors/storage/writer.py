"""Transactions on one connection that is kept open for writing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import aiosqlite
from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from genesis_actors.storage.database import Database
from genesis_actors.storage.statements import Parameters

T = TypeVar("T")

FAULTS: Final = (SQLAlchemyError, sqlite3.Error, OSError, ValueError, TypeError, ArithmeticError)
"""What may go wrong with a write: values that no column takes, rules that they break, the database itself."""


class BadWrite(Exception):
    """A write has only itself to blame; the others of its batch are innocent."""


def is_bad_write(error: Exception) -> bool:
    """Tell whether a write was at fault, and not the database, which any write would find locked, full or gone."""
    if isinstance(error, OSError | OperationalError | sqlite3.OperationalError):
        return False
    if isinstance(error, DBAPIError):
        return not error.connection_invalidated and type(error) is not DatabaseError
    # SQLite calls a damaged file by the name that all of its errors share.
    return type(error) is not sqlite3.DatabaseError


class Writer:
    """One connection and its transactions, through SQLAlchemy."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    @staticmethod
    async def open(database: Database) -> Writer:
        engine = database.async_engine()
        try:
            connection = await engine.connect()
            if not database.is_sqlite:
                return Writer(connection)
            driver = (await connection.get_raw_connection()).driver_connection
            await connection.rollback()
        except BaseException:
            await engine.dispose()
            raise
        assert isinstance(driver, aiosqlite.Connection)  # noqa: S101 - the URL has named this driver
        return SqliteWriter(connection, driver)

    @property
    def dialect(self) -> Dialect:
        return self._connection.dialect

    async def begin(self) -> None:
        await self._connection.begin()

    async def execute(self, sql: str, rows: Sequence[Parameters]) -> None:
        await self._connection.exec_driver_sql(sql, list(rows))

    async def commit(self) -> None:
        await self._connection.commit()

    async def roll_back(self) -> None:
        await self._connection.rollback()

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run `query` in a transaction of its own."""
        async with self._connection.begin():
            return await self._connection.run_sync(query)

    async def close(self) -> None:
        # What is not committed by now never will be.
        engine = self._connection.engine
        try:
            await self._connection.close()
        finally:
            await engine.dispose()


class SqliteWriter(Writer):
    """The same, but past SQLAlchemy's cursors: each of them costs three hops to the driver's thread instead of one."""

    def __init__(self, connection: AsyncConnection, driver: aiosqlite.Connection) -> None:
        super().__init__(connection)
        self._driver = driver

    async def begin(self) -> None:
        await self._driver.execute_fetchall("BEGIN IMMEDIATE")

    async def execute(self, sql: str, rows: Sequence[Parameters]) -> None:
        await self._driver.executemany(sql, rows)

    async def commit(self) -> None:
        await self._driver.commit()

    async def roll_back(self) -> None:
        await self._driver.rollback()
