"""Opens the sources in DuckDB: a view per entry of [files], and a table per SELECT of [views]."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from undertow.features.engines.duckdb import Connection, one_select, open_duckdb, quoted, run
from undertow.features.errors import SettingsError
from undertow.features.settings import Settings, with_file
from undertow.features.settings.databases import stated_columns
from undertow.features.sources.events.growth import Growth
from undertow.features.sources.files.read import Source, read_source, source_files

SCHEMAS = ("source", "numbered")  # the second with the number of the file that a row is of


@contextmanager
def opened_sources(settings: Settings, only: str | None = None) -> Iterator[Connection]:
    """Yield a DuckDB connection in which every entry of [files] and [views] can be queried by its name.

    `only`: an entry of [files]; no other is opened.
    """
    if only is not None:
        settings = settings.model_copy(update={"files": {only: settings.files[only]}, "views": {}})
    spill = settings.store_path("spill")
    with open_duckdb(settings.engine, spill) as connection, TemporaryDirectory(dir=spill) as copies:
        open_files(connection, settings, Path(copies), is_careful=True)
        compute_views(connection, settings)
        connection.execute("USE memory.source")
        yield connection


def open_files(
    connection: Connection, settings: Settings, copies: Path, is_careful: bool, growth: Growth | None = None
) -> dict[str, Source]:
    """Create a view per entry of [files] in the schema `source`, and one with the number of the file in `numbered`.

    `copies`: a folder for copies of files that must outlive the views. `is_careful`: see `read_source`. `growth`: the
    entry of the events holds what was added alone.
    """
    connection.execute("; ".join(f"CREATE SCHEMA {schema}" for schema in SCHEMAS))
    sources = {}
    for name in settings.files:
        entry = stated_columns(settings.files[name])
        if growth and name == growth.entry:
            source = growth.source(connection, copies, entry, is_careful)
        else:
            source = read_source(connection, name, source_files(settings, name), copies, is_careful, entry)
        sources[name] = source
        for schema in SCHEMAS:
            select = source.select(is_numbered=schema == "numbered")
            run(connection, f"CREATE VIEW {schema}.{quoted(name)} AS {select}", f"[files] {name}")
    return sources


def compute_views(connection: Connection, settings: Settings) -> None:
    """Create a table per SELECT of [views], in the order of undertow.toml; each may use those before it."""
    connection.execute("USE memory.source")
    for name, sql in settings.views.items():
        where = with_file(f"[views] {name}", sql)
        select = one_select(settings.read_sql(sql, where), where)
        run(connection, f"CREATE TABLE {quoted(name)} AS (\n{select}\n)", where, lines_before=1)
        run(connection, f"CREATE VIEW numbered.{quoted(name)} AS FROM source.{quoted(name)}", where)
    connection.execute("USE memory.main")


def refuse_no_accounts(settings: Settings) -> None:
    """Raise SettingsError where the project has no source for the accounts."""
    if settings.select("accounts") is None:
        raise SettingsError(
            "The accounts table has no source: add a file named accounts under [files], or a "
            "SELECT named accounts under [tables]. Run `undertow init` for an example."
        )
