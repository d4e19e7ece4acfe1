"""One entry of [files]: where its files are and, where stated, the columns that are read from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import field_validator, model_serializer, model_validator

from undertow.features.settings.frozen import Frozen, Names


class SourceFiles(Frozen):
    """[files] name: a path or a glob, relative to undertow.toml; or a table of `path`, `columns` and `optional`.

    `path`: several paths are read as one, in this order. `columns`: of JSON files, key -> VARCHAR for a text, JSON for
    an object or an array; they are read without a look at all keys first, keys that are not named are left out, and one
    that no object has is null. `optional`: columns of files of any kind that are null where no file has them.
    """

    path: Names
    columns: dict[str, str] = {}
    optional: tuple[str, ...] = ()

    @property
    def states_columns(self) -> bool:
        """Whether columns are stated, declared or optional ones."""
        return bool(self.columns or self.optional)

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, given: object) -> object:
        return {"path": given} if isinstance(given, str | list | tuple) else given

    @field_validator("columns")
    @classmethod
    def _of_types(cls, columns: dict[str, str]) -> dict[str, str]:
        for name, kind in columns.items():
            if kind.upper() not in ("VARCHAR", "JSON"):
                raise ValueError(f"{name} = '{kind}': expected VARCHAR, or JSON for an object or an array")
        return {name: kind.upper() for name, kind in columns.items()}

    @model_serializer
    def _as_written(self) -> str | Mapping[str, Any]:
        path = self.path[0] if len(self.path) == 1 else list(self.path)
        stated = {"columns": self.columns, "optional": list(self.optional)}
        stated = {name: value for name, value in stated.items() if value}
        return {"path": path, **stated} if stated or len(self.path) > 1 else self.path[0]
