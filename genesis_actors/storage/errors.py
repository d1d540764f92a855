"""What can be wrong with a database. Each error says what and why, and its hint says what to do next."""

from __future__ import annotations


class StorageError(Exception):
    """The database cannot do what was asked. `hint` is the next step for the user."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class DatabaseUnusable(StorageError):
    """It cannot be used: missing, no database or another program's, no permission, locked, full or damaged."""


class ForeignDatabase(StorageError):
    """It is a database of ours, but another venue's, mode's or account's."""


class SchemaTooNew(StorageError):
    """A newer version of this program has written it."""


class SchemaTooOld(StorageError):
    """It has to be upgraded before it can be used."""


class DatabaseInUse(StorageError):
    """Another engine works on it."""


class OutcomeUncertain(StorageError):
    """A commit failed and the database cannot say whether it took place."""


class ExecutionNotFound(StorageError):
    """No execution has this id."""


class AmbiguousExecution(StorageError):
    """Several executions have an id that begins like this."""
