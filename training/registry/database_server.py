"""PostgreSQL as MLflow's database: a connection tried at once, and a lock that holds for every machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from undertow.features.errors import SettingsError

LOCK = 7_115_431_907  # any number that nothing else in the database uses


@contextmanager
def server_lock(uri: str) -> Iterator[None]:
    """Hold an advisory lock of the database, which ends with the connection: also where the process is killed.

    Raises SettingsError where the driver is not installed; SQLAlchemy's errors where the server cannot be reached.
    """
    try:
        engine = create_engine(uri, poolclass=NullPool, connect_args={"connect_timeout": 10})
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"[mlflow] uri needs a driver for PostgreSQL, which is missing: {error}. "
            "Run `pip install 'undertow[postgres]'`."
        ) from error
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": LOCK})
        yield


def without_password(uri: str) -> str:
    """Return an address for messages.

    >>> without_password("postgresql://me:secret@db/mlflow")
    'postgresql://me:***@db/mlflow'
    """
    return make_url(uri).render_as_string(hide_password=True)
