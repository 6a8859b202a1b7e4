"""The transactions of an ERP's database and of our two tables: one and the same, where they stand in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from msgspec import Struct

from omnisync.agent.erp.database import Database


class Transactions(Struct, frozen=True):
    """The ERP's database, and the one in which our two tables stand."""

    database: Database
    state_database: Database

    @property
    def are_separate(self) -> bool:
        """Return whether our tables stand in a database of their own."""
        return self.database is not self.state_database

    @contextmanager
    def of_both(self) -> Iterator[None]:
        """Provide a transaction of both.

        Apart, the ERP commits first: a kill in between leaves rows that are found again by their external ids.
        """
        with self.of_state():
            if self.are_separate:
                with _atomically(self.database):
                    yield
            else:
                yield

    def of_state(self) -> AbstractContextManager[None]:
        """Return a transaction of our two tables alone."""
        return _atomically(self.state_database)

    def begin(self) -> None:
        """Begin a transaction of both that is only rolled back."""
        self.state_database.begin()
        if self.are_separate:
            self.database.begin()

    def rollback(self) -> None:
        """End the transaction of both; nothing of it stands."""
        self.database.rollback()
        self.state_database.rollback()


@contextmanager
def _atomically(database: Database) -> Iterator[None]:
    database.begin()
    try:
        yield
        database.commit()
    except BaseException:  # a COMMIT that failed leaves its transaction open
        database.rollback()
        raise
