"""Makes a project of exported files with the guessed answers, and compares its rows with those that are expected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd

from undertow.features.connectors.kit.draft import draft, questions, sources
from undertow.features.connectors.kit.guess import guesses
from undertow.features.connectors.kit.look import look
from undertow.features.connectors.kit.manifest import chosen_connectors
from undertow.features.connectors.kit.recognise import recognise
from undertow.features.connectors.kit.write import ToWrite, write_project
from undertow.features.sources.loaded import Tables

NOW = datetime(2026, 1, 1)
CENT = 0.005
Loaded = Callable[..., Tables]


def make_project(data: Path, answers: dict[str, str]) -> Path:
    """Make a project of exported files with the guessed answers and these; return its folder."""
    project = data.parent / f"{data.name}-project"
    project.mkdir()
    recognised = recognise(look([data]), chosen_connectors()).recognised
    asked = questions(recognised)
    proposed = guesses(recognised, asked, project)
    given = proposed.answers | answers
    made = draft(recognised, given, project)
    report = "EUR" if "rates" in made.tables else ""
    write_project(ToWrite((), recognised, sources(recognised)[0], made, asked, given, proposed.events, report), project)
    return project


def rows_of(tables: Tables, name: str) -> pd.DataFrame:
    """Return the kept rows of a table."""
    return pd.concat([pd.read_parquet(path) for path in tables.files(name)], ignore_index=True)


def assert_same(got: pd.DataFrame, expected: pd.DataFrame, key: Sequence[str], columns: Sequence[str]) -> None:
    """Fail with the first differences where rows or values are not equal, amounts to half a cent."""
    got, expected = (rows.set_index(list(key)).sort_index() for rows in (got, expected))
    assert list(got.index) == list(expected.index)
    for name in columns:
        one, other = got[name], expected[name]
        if pd.api.types.is_float_dtype(other):
            same = ((one - other).abs() <= CENT) | (one.isna() & other.isna())
        else:
            same = (one == other) | (one.isna() & other.isna())
        assert same.all(), f"{name}: {one[~same].head(3).to_dict()}, expected {other[~same].head(3).to_dict()}"
