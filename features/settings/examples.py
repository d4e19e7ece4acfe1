"""[examples] of undertow.toml: what the columns of a file of feature rows mean."""

from __future__ import annotations

from typing import Literal

from undertow.features.settings.frozen import Frozen, Names


class ExampleColumns(Frozen):
    """[examples]: what the columns of `--examples FILE` mean; checked by `undertow.features.catalogue.given`.

    Per family, the names of its columns, or patterns such as "errors_*". `sentences`: column -> its sentence, as on a
    feature card; the name in words if absent. `good`: column -> which values are better for the customer; a column
    without one is never evidence of a reason. `units`: column -> unit; "score" if absent, "text" for texts.
    """

    ux: Names = ()
    cx: Names = ()
    billing: Names = ()
    usage: Names = ()
    contract: Names = ()
    profile: Names = ()
    ignore: Names = ()  # columns that are not read
    deviates: Names = ()  # columns of a distance from the account's own past or from what is usual; they need `good`
    sentences: dict[str, str] = {}
    good: dict[str, Literal["high", "low"]] = {}
    units: dict[str, str] = {}
