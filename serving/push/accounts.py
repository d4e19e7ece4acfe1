"""What is pushed of an account: the fields that a destination names and no others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from undertow.features.errors import SettingsError
from undertow.features.settings.destinations import DEFAULT_FIELDS, ON_REQUEST, PROBABILITY, Destination
from undertow.serving.published.answers import CARRIED, finite, share
from undertow.serving.published.scores import PublishedScores

BATCH = 5_000  # accounts that are read into Python values at once
AS_PUBLISHED = ("account_id", "value_at_risk", "currency", "cause", "reason_1", "reason_2", "model_version",
                *ON_REQUEST)  # fmt: skip
MONEY = ("value_at_risk", "contact_value")
Values = dict[str, Any]  # field -> text, number or None


@dataclass(frozen=True)
class Account:
    """One account as it is pushed. `record_id`: of its record in a CRM, where a carried column holds it."""

    id: str
    values: Values
    record_id: str = ""

    def digest(self, form: str) -> str:
        """Return a hash of what is sent of the account; it changes where that does, or the form it is sent in."""
        text = json.dumps([form, self.record_id, self.values], ensure_ascii=False, allow_nan=False)
        return sha256(text.encode()).hexdigest()[:16]

    def probability(self, headline: int) -> float | None:
        """Return the probability of the headline horizon, where it is sent."""
        return self.values.get(f"probability_{headline}")


@dataclass(frozen=True)
class Listed:
    """The part of a published list that a destination gets, highest value at risk first.

    Iterating gives its accounts. `fields`: of each account, in order. `beside`: the carried column by which records of
    a CRM are found.
    """

    run_id: str
    as_of: str
    published_at: str
    model_version: str
    currency: str
    headline: int  # days
    fields: tuple[str, ...]
    beside: str
    table: pa.Table
    link_base: str

    def __iter__(self) -> Iterator[Account]:
        for start in range(0, self.table.num_rows, BATCH):
            for rank, row in enumerate(finite(self.table.slice(start, BATCH).to_pylist()), start + 1):
                record_id = row[f"{CARRIED}{self.beside}"] if self.beside else None
                values = {field: self._value(field, row, rank) for field in self.fields}
                yield Account(row["account_id"], values, (record_id or "").strip())

    def _value(self, field: str, row: Mapping[str, Any], rank: int) -> Any:
        if field == "rank":
            return rank
        if field == "as_of":
            return self.as_of
        if field == "link":
            return f"{self.link_base}/accounts/{quote(row['account_id'], safe='')}"
        if PROBABILITY.fullmatch(field):
            probability = share(row[_column(field)])
            return None if probability is None else round(probability, 6)
        value = row[_column(field)]
        if value is None:
            return None
        return round(value, 2) if field in MONEY else f"{value:%Y-%m-%d}" if field == "action_due" else value


def listed(name: str, destination: Destination, published: PublishedScores) -> Listed:
    """Return what a destination gets of the published list. Raises SettingsError for a field that the list lacks."""
    manifest = published.manifest
    headline = int(manifest["headline"])
    fields = list(destination.named_fields())
    if not hasattr(destination, "token_env"):  # a CRM gets what its mapping names, others the defaults first
        fields = [*DEFAULT_FIELDS, *(field for field in fields if field not in DEFAULT_FIELDS)]
        if not destination.link_base:
            fields.remove("link")
    elif "link" in fields and not destination.link_base:
        raise SettingsError(f"[destinations.{name}] sends the link, and has no link_base, the address of the service.")
    fields = list(dict.fromkeys(f"probability_{headline}" if each == "probability" else each for each in fields))
    beside = getattr(destination, "record_id_column", "")
    columns = {"account_id", *(_column(field) for field in fields if field not in ("rank", "as_of", "link"))}
    if beside:
        columns.add(f"{CARRIED}{beside}")
    for column in sorted(columns):
        if column not in published.table.column_names:
            raise SettingsError(
                f"[destinations.{name}] sends {_field(column)}, which the published list does not have. Run "
                "`undertow score` again, or leave it out."
            )
    table = published.table.select([column for column in published.table.column_names if column in columns])
    top = getattr(destination, "top", None)
    return Listed(
        run_id=str(manifest["run_id"]),
        as_of=str(manifest["as_of"]),
        published_at=str(manifest["published_at"]),
        model_version=str(manifest["model_version"]),
        currency=str(manifest["currency"]),
        headline=headline,
        fields=tuple(fields),
        beside=beside,
        table=table if top is None else table.slice(0, top),
        link_base=destination.link_base,
    )


def _column(field: str) -> str:
    """Return the column of the published table that holds a field."""
    if PROBABILITY.fullmatch(field):
        return f"p_{field.removeprefix('probability_')}"
    return field if field in AS_PUBLISHED else f"{CARRIED}{field}"


def _field(column: str) -> str:
    return column.removeprefix(CARRIED) if column.startswith(CARRIED) else column.replace("p_", "probability_", 1)


def percentage(field: str, value: Any, percent: bool) -> Any:
    """Return a value as a CRM takes it: with `percent`, probabilities as 0 to 100.

    >>> percentage("probability_90", 0.6123, True), percentage("rank", 3, True)
    (61.23, 3)
    """
    if percent and value is not None and PROBABILITY.fullmatch(field):
        return round(100 * value, 4)
    return value


def as_text(value: Any) -> str:
    """Return a value as the text that CRMs take: numbers without exponent.

    >>> as_text(61.230000), as_text(5e-05), as_text(3), as_text(None)
    ('61.23', '0.00005', '3', '')
    """
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return "" if value is None else str(value)


def cut(text: str, most: int) -> str:
    """Return a text of at most `most` characters, cut at a word.

    >>> cut("support tickets open: 3", 18)
    'support tickets …'
    """
    if len(text) <= most:
        return text
    kept = text[: most - 1]
    at_word = kept.rpartition(" ")[0] if not text[most - 1].isspace() else kept
    return f"{(at_word or kept).rstrip()}{' ' if at_word else ''}…"[:most]
