"""The form of every section of undertow.toml: fixed once it is read, and without fields that are not known."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Frozen(BaseModel):
    """Settings that cannot be changed once they are read."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _as_list(given: object) -> object:
    return [given] if isinstance(given, str) else given


Names = Annotated[tuple[str, ...], BeforeValidator(_as_list)]  # a name, or a list of names
