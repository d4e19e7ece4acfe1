"""What both scoring jobs start with: the champion, and the features it scores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from undertow.features.build.feature_table import FeatureTable, build_features
from undertow.features.build.given.given_examples import load_examples
from undertow.features.errors import ModelRefusal, TimeError
from undertow.features.settings import Settings
from undertow.features.snapshots.calendar import LONGEST_WINDOW, month_starts
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Progress, Tables
from undertow.training.bundle.bundle import Bundle
from undertow.training.examples.outcomes import observed_until
from undertow.training.registry.tracking import Registered, open_registry

MOST_FOLLOWED = 4  # as_ofs, a year with horizons of 90 days
MOST_MONTHS = 12  # month starts before as_of at which drivers are looked at


@dataclass(frozen=True)
class Prepared:
    """The champion, the loaded tables, the as_of to score, and its features; `version`: the model in words.

    `earlier`: a second as_of whose features were built too, to compare with; None where the rows begin after it.
    `followed`: as_ofs whose headline horizon was over at `as_of` and whose features were built too, oldest first.
    `months`: earlier month starts whose features were built too, and `as_of`, oldest first; none where there is only
    `as_of`.
    """

    champion: Registered
    version: str
    tables: Tables
    as_of: datetime
    features: FeatureTable
    earlier: datetime | None = None
    followed: tuple[datetime, ...] = ()
    months: tuple[datetime, ...] = ()

    @property
    def bundle(self) -> Bundle:
        """Return the champion's bundle."""
        return self.champion.bundle


def prepare(
    settings: Settings,
    now: datetime,
    as_of: datetime | None = None,
    progress: Progress | None = None,
    days_before: int | None = None,
    examples: Path | None = None,
    look_back: bool = False,
) -> Prepared:
    """Read the champion and the tables, and build the features at `as_of` (the end of the rows, unless given).

    `days_before`: build them so many days earlier too, unless the rows begin later than that. `examples`: a file of
    feature rows, used instead of the project's tables; its newest as_of is scored, unless another one is given.
    `look_back`: build them at `followed` and `months` too, as far as the tables reach back. Raises ModelRefusal while
    there is no champion, where its features have changed since it was trained, or where it was trained on the other of
    tables and a file.
    """
    champion = open_registry(settings).champion()
    if champion is None:
        raise ModelRefusal("There is no model to score with yet. Run `undertow train` first.")
    _refuse_other_source(champion.bundle, examples)
    if examples is None:
        tables = load_tables(settings, now, progress)
        chosen = as_of or tables.until
        earlier = _earlier(tables, chosen, days_before)
        followed = followed_as_ofs(settings, tables, chosen, champion.bundle.headline) if look_back else ()
        months = monthly_as_ofs(settings, tables, chosen) if look_back else ()
        every = [chosen, *([] if earlier is None else [earlier]), *followed, *months]
        features = build_features(settings, tables, every, progress)
    else:
        tables, features = _from_file(settings, examples, now, champion.bundle)
        chosen = _given_as_of(features, as_of)
        before = None if days_before is None else chosen - timedelta(days=days_before)
        earlier, followed, months = before if before in features.as_ofs else None, (), ()
    champion.bundle.refuse_other_features(features.catalogue.columns)
    _refuse_other_currency(champion.bundle, tables)
    version = f"{settings.name} v{champion.number} ({champion.bundle.version})"
    return Prepared(champion, version, tables, chosen, features, earlier, followed, months)


def followed_as_ofs(settings: Settings, tables: Tables, as_of: datetime, horizon: int) -> tuple[datetime, ...]:
    """Return month starts whose `horizon`, in days, was over and observed at `as_of`, oldest first.

    The newest, and earlier ones whose horizons do not overlap; none before the first full window of 90 days, and none
    where a table shows only the present.
    """
    if settings.data.present_only:
        return ()
    last = observed_until(settings.churn, as_of) - timedelta(days=horizon)
    chosen: list[datetime] = []
    for each in reversed(month_starts(tables.since + timedelta(days=LONGEST_WINDOW), last)):
        if not chosen or each + timedelta(days=horizon) <= chosen[-1]:
            chosen.append(each)
    return tuple(reversed(chosen[:MOST_FOLLOWED]))


def monthly_as_ofs(settings: Settings, tables: Tables, as_of: datetime) -> tuple[datetime, ...]:
    """Return the newest month starts before `as_of`, oldest first, and `as_of`.

    None before the first full window of 90 days, and none at all where there is no earlier one or a table shows only
    the present.
    """
    if settings.data.present_only:
        return ()
    starts = month_starts(tables.since + timedelta(days=LONGEST_WINDOW), as_of)
    earlier = [each for each in starts if each < as_of][-MOST_MONTHS:]
    return (*earlier, as_of) if earlier else ()


def _refuse_other_source(bundle: Bundle, examples: Path | None) -> None:
    if bundle.is_of_examples and examples is None:
        raise ModelRefusal(
            "The champion was trained on a file of feature rows (`undertow train --examples FILE`). Score a file with "
            "the same columns: `undertow score --examples FILE`; or run `undertow train` to train on tables."
        )
    if examples is not None and not bundle.is_of_examples:
        raise ModelRefusal(
            "The champion was trained on the project's tables, not on a file of feature rows. Run `undertow score` "
            "without --examples; or train on the file first: `undertow train --examples FILE`."
        )


def _from_file(settings: Settings, file: Path, now: datetime, bundle: Bundle) -> tuple[Tables, FeatureTable]:
    """Return the accounts and the features of a file; a column is read as text or number as in training."""
    texts = {column.name: column.is_text for column in bundle.columns}
    given = load_examples(settings, file, now, with_outcomes=False, texts=texts)
    return given.tables, given.features


def _given_as_of(features: FeatureTable, as_of: datetime | None) -> datetime:
    as_ofs = features.as_ofs
    if as_of is None or as_of in as_ofs:
        return as_of or as_ofs[-1]
    raise TimeError(
        f"The file has no rows of {as_of:%Y-%m-%d}; it has {len(as_ofs)} as_ofs, {as_ofs[0]:%Y-%m-%d} to "
        f"{as_ofs[-1]:%Y-%m-%d}. Choose one of them, or leave out --as-of for the newest."
    )


def _earlier(tables: Tables, as_of: datetime, days: int | None) -> datetime | None:
    if days is None or as_of - timedelta(days=days) < tables.since:
        return None
    return as_of - timedelta(days=days)


def _refuse_other_currency(bundle: Bundle, tables: Tables) -> None:
    if bundle.value.currency not in ("", tables.currency):
        raise ModelRefusal(
            f"The champion was trained on amounts in {bundle.value.currency}, and the rows are now in "
            f"{tables.currency}. Run `undertow train`, or correct the currency."
        )
