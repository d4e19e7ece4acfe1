"""PostgreSQL: the history undertow_scores and the mirror undertow_at_risk, written in one transaction.

Rows go by COPY into a temporary table; from there, rows that differ are inserted or updated, and the mirror loses
those that are gone. Rows that are equal are not touched. Tables and columns that are missing are made; the schema is
not.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from undertow.features.errors import PushError
from undertow.features.settings.destinations import PROBABILITY, PostgresDestination
from undertow.features.sources.databases.addresses import without_secrets
from undertow.serving.push import http
from undertow.serving.push.accounts import Listed
from undertow.serving.push.outcome import Outcome

if TYPE_CHECKING:
    from psycopg import Connection, Cursor
    from psycopg.sql import Composed

HISTORY, MIRROR, PUSHED = "undertow_scores", "undertow_at_risk", "undertow_pushed"
KEYS = {HISTORY: ("account_id", "as_of", "model_version"), MIRROR: ("account_id",)}
TYPES = {"as_of": "date", "rank": "integer", "value_at_risk": "double precision",
         "contact_value": "double precision"}
TRIES = 3
CONNECT_SECONDS = 10


def send(name: str, destination: PostgresDestination, listed: Listed) -> Outcome:
    """Write every account of the list into both tables, in one transaction."""
    where, address = f"[destinations.{name}]", os.environ.get(destination.uri_env, "").strip()
    if not address.startswith(("postgresql://", "postgres://")):
        raise PushError(
            f"{where}: the environment variable {destination.uri_env} must hold an address such as "
            "postgresql://user:password@host/database."
        )
    try:
        import psycopg
    except ImportError as error:
        raise PushError(f"{where}: its driver is not installed: pip install 'undertow[postgres]'.") from error
    try:
        with _connect(address) as connection:
            return _write(connection, where, destination.in_schema, listed)
    except psycopg.Error as error:
        said = without_secrets(" ".join(str(error).split()), address)
        raise PushError(f"{where}: PostgreSQL refused it: {said}. Nothing was written.") from None


def _connect(address: str) -> Connection[Any]:
    """Return a connection, whose block is one transaction; tried again while there is none to be had."""
    import psycopg

    for number in range(TRIES):
        try:
            return psycopg.connect(address, connect_timeout=CONNECT_SECONDS, application_name="undertow")
        except psycopg.OperationalError:
            if number == TRIES - 1:
                raise
            http.wait(http.FIRST_PAUSE * 2**number)
    raise AssertionError("the last try returns or raises")


def _write(connection: Connection[Any], where: str, schema: str, listed: Listed) -> Outcome:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TimeZone = 'UTC'")
        if cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone() is None:
            raise PushError(
                f"{where}: the database has no schema '{schema}'. Create it (CREATE SCHEMA {schema}), let the user of "
                "the address create tables in it, or correct schema."
            )
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"undertow push {schema}",))
        for table in (HISTORY, MIRROR):
            _make_table(cursor, schema, table, listed.fields)
        _copy(cursor, schema, listed)
        kept = _upsert(cursor, schema, HISTORY, listed.fields)
        written = _upsert(cursor, schema, MIRROR, listed.fields)
        cursor.execute(
            _sql(
                "DELETE FROM {} AS m WHERE NOT EXISTS (SELECT FROM pg_temp.{} AS p WHERE p.account_id = m.account_id)",
                (schema, MIRROR),
                PUSHED,
            )
        )
        removed = cursor.rowcount
    said = f"{HISTORY}: {kept:,} rows written; {MIRROR}: {written:,} written, {removed:,} removed"
    return Outcome(sent=written + removed, requests=1, said=[said])


def _make_table(cursor: Cursor[Any], schema: str, table: str, fields: tuple[str, ...]) -> None:
    """Make a table, or the columns that it lacks; where it is complete, no right to do so is needed."""
    cursor.execute(
        "SELECT attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid "
        "JOIN pg_namespace n ON n.oid = relnamespace "
        "WHERE nspname = %s AND relname = %s AND attnum > 0 AND NOT attisdropped",
        (schema, table),
    )
    have = {row[0] for row in cursor.fetchall()}
    if not have:
        columns = ", ".join(f"{{}} {_type(field)}" for field in fields)
        key = ", ".join(KEYS[table])
        cursor.execute(_sql(f"CREATE TABLE {{}} ({columns}, PRIMARY KEY ({key}))", (schema, table), *fields))
        return
    for field in fields:
        if field not in have:
            cursor.execute(_sql(f"ALTER TABLE {{}} ADD COLUMN {{}} {_type(field)}", (schema, table), field))


def _copy(cursor: Cursor[Any], schema: str, listed: Listed) -> None:
    columns = ", ".join(f"{{}} {_type(field)}" for field in listed.fields)
    cursor.execute(_sql(f"CREATE TEMPORARY TABLE {{}} ({columns}) ON COMMIT DROP", PUSHED, *listed.fields))
    with cursor.copy(_sql(f"COPY pg_temp.{{}} ({_places(listed.fields)}) FROM STDIN", PUSHED, *listed.fields)) as copy:
        for account in listed:
            copy.write_row([account.values[field] for field in listed.fields])


def _upsert(cursor: Cursor[Any], schema: str, table: str, fields: tuple[str, ...]) -> int:
    """Insert the rows that a table lacks, update those that differ, and return how many that are."""
    others = [field for field in fields if field not in KEYS[table]]
    sets = ", ".join(["{} = EXCLUDED.{}"] * len(others))
    old, new = ", ".join(["t.{}"] * len(others)), ", ".join(["EXCLUDED.{}"] * len(others))
    cursor.execute(
        _sql(
            f"INSERT INTO {{}} AS t ({_places(fields)}) SELECT {_places(fields)} FROM pg_temp.{{}} "
            f"ON CONFLICT ({', '.join(KEYS[table])}) DO UPDATE SET {sets} WHERE ({old}) IS DISTINCT FROM ({new})",
            (schema, table),
            *fields,
            *fields,
            PUSHED,
            *(each for field in others for each in (field, field)),
            *others,
            *others,
        )
    )
    return cursor.rowcount


def _sql(text: str, *names: str | tuple[str, str]) -> Composed:
    """Return SQL with names, quoted, in the places of {}."""
    from psycopg.sql import SQL, Identifier

    quoted = [Identifier(*name) if isinstance(name, tuple) else Identifier(name) for name in names]
    return SQL(text).format(*quoted)  # made of constants and names of types alone


def _places(fields: tuple[str, ...]) -> str:
    return ", ".join(["{}"] * len(fields))


def _type(field: str) -> str:
    return "double precision" if PROBABILITY.fullmatch(field) else TYPES.get(field, "text")
