"""The feature catalogue as one page: what each column means, its windows and its SQL (`make docs`).

python -m undertow.serving.pages.reports.feature_catalogue build/features.html [FOLDER of a project with own features]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from undertow.features.catalogue.cards import FAMILIES, Column, Feature, definition_id
from undertow.features.catalogue.checks import resolve
from undertow.features.catalogue.choose import FEATURES
from undertow.features.catalogue.language import measures
from undertow.features.catalogue.own import project_features
from undertow.features.compiler.compiled import CompiledFeatures
from undertow.features.compiler.plan import compile_features
from undertow.features.settings import load_settings

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Entry:
    """One entry of the page: a card, its definition id, its columns, and the SQL of the first column.

    `is_own`: of a project's [[features]].
    """

    card: Feature
    definition: str
    columns: tuple[Column, ...]
    sql: str
    is_own: bool = False

    @property
    def covers(self) -> str:
        """Return the windows as text."""
        card = self.card
        if any(measure.half_life is not None for measure in measures(card.measure)):
            return "the last three years, rows counting less with their age"
        parts = ["last " + ", ".join(map(str, card.windows)) + " days"] if card.windows else []
        if not card.windows:
            parts.append(f"at as_of, up to {card.lookback} days back" if card.lookback else "at as_of")
        others = {"trend": card.trend, "own level": card.own, "peers": card.peers, "change": card.change}
        return " · ".join([*parts, *(f"{what} {days}" for what, days in others.items() if days)])

    @property
    def feeds(self) -> str:
        """Return the name of the column that feeds the churn model; empty where the card is evidence only."""
        return next((column.name for column in self.columns if column.feeds), "")


def entries(cards: Sequence[Feature] = FEATURES) -> list[Entry]:
    """Return an entry per card, in their order; a project's own profile columns are not included."""
    names = {card.name for card in FEATURES}
    return [
        Entry(
            card,
            definition_id(card),
            card.columns,
            _sql(compile_features(card.columns[:1], pretty=True)),
            card.name not in names,
        )
        for card in resolve(cards)
    ]


def _sql(compiled: CompiledFeatures) -> str:
    """Return the query with its steps indented."""
    steps = ", ".join(f"{step.name} AS (\n{indent(step.sql, '  ')}\n)" for step in compiled.steps)
    return f"WITH {steps}\n{compiled.last}"


def page(features: Sequence[Feature] = FEATURES) -> str:
    """Return the page as one self-contained HTML file; `features`: those of the catalogue, or of a project."""
    cards = entries(features)
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("catalogue.html").render(
        families=[(family, [entry for entry in cards if entry.card.family == family]) for family in FAMILIES],
        cards=len(cards),
        columns=sum(len(entry.columns) for entry in cards),
        feeding=sum(bool(entry.feeds) for entry in cards),
        style=(HERE.parent / "style.css").read_text(encoding="utf-8"),
    )


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    features = project_features(load_settings(Path(sys.argv[2]))) if len(sys.argv) > 2 else FEATURES
    target.write_text(page(features), encoding="utf-8")
    print(f"Wrote {target}.")
