"""`undertow files`: what the entries of [files] and [views] hold, with columns, types, nulls and first rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from rich.markup import escape

from undertow.features.engines.duckdb import quoted, rows
from undertow.features.errors import SourceError, did_you_mean
from undertow.features.settings import Settings
from undertow.features.sources.databases.refresh import refresh
from undertow.features.sources.files.opened import opened_sources
from undertow.features.sources.files.read import source_files
from undertow.serving.cli.clock import now
from undertow.serving.cli.console import new_table, out, show
from undertow.serving.formatting import short

FIRST_ROWS = 3


@dataclass(frozen=True)
class DescribedColumn:
    """A column: its DuckDB type, the number of rows in which it is null, and its values in the first rows."""

    column: str
    type: str
    nulls: int
    first: tuple[str, ...]


@dataclass(frozen=True)
class DescribedSource:
    """An entry of [files] or [views] with its rows and columns."""

    name: str
    rows: int
    columns: tuple[DescribedColumn, ...]

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return asdict(self)


def list_sources(settings: Settings) -> list[dict[str, object]]:
    """Return the entries of [files] with their number of files and bytes, and the names in [views]."""
    settings = _brought_up(settings)
    found: list[dict[str, object]] = []
    for name in settings.files:
        files = source_files(settings, name)
        size = sum(file.stat().st_size for file in files)
        found.append({"name": name, "section": "files", "files": len(files), "bytes": size})
    return found + [{"name": name, "section": "views", "files": None, "bytes": None} for name in settings.views]


def describe(settings: Settings, name: str) -> DescribedSource:
    """Return what an entry holds. Raises SourceError for a name that is in neither section."""
    known = [*settings.files, *settings.views]
    if name not in known:
        raise SourceError(f"'{name}' is in neither [files] nor [views]; known: {', '.join(known) or 'none'}."
                          f"{did_you_mean(name, known)}")  # fmt: skip
    settings = _brought_up(settings)
    with opened_sources(settings, only=name if name in settings.files else None) as connection:
        source = quoted(name)
        types = rows(connection, f"DESCRIBE SELECT * FROM {source}", name)
        names = [str(row["column_name"]) for row in types]
        nulls = ", ".join(f"count(*) - count({quoted(each)}) AS {quoted(each)}" for each in names)
        [counted] = rows(connection, f"SELECT count(*) AS undertow_rows, {nulls} FROM {source}", name)
        first = rows(connection, f"SELECT * FROM {source} LIMIT {FIRST_ROWS}", name)
    columns = [
        DescribedColumn(each, str(row["column_type"]), int(str(counted[each])), tuple(str(one[each]) for one in first))
        for each, row in zip(names, types, strict=True)
    ]
    return DescribedSource(name, int(str(counted["undertow_rows"])), tuple(columns))


def _brought_up(settings: Settings) -> Settings:
    """Return the settings with the rows of databases read, or those of the last reading where one is out of reach."""
    return refresh(settings, now()).settings


def print_sources(listed: list[dict[str, object]]) -> None:
    """Print the entries of both sections."""
    table = new_table("Name", "Section", "Files", "Size", right=(2, 3))
    for each in listed:
        size = f"{int(str(each['bytes'])) / 1e6:,.1f} MB" if each["bytes"] is not None else "-"
        table.add_row(str(each["name"]), f"\\[{each['section']}]", str(each["files"] or "-"), size)
    show(table)


def print_described(described: DescribedSource) -> None:
    """Print the columns of an entry."""
    out.print(f"{described.name}: {described.rows:,} rows", markup=False)
    table = new_table("Column", "Type", "Null", *("First rows", *[""] * (FIRST_ROWS - 1)), right=(2,))
    for column in described.columns:
        values = [escape(short(value, 30)) for value in column.first]
        table.add_row(escape(column.column), column.type, f"{column.nulls:,}", *values)
    show(table)
