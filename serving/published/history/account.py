"""The history of one account: what every list said of it, and whether it is still on the list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from undertow.features.errors import Unreadable
from undertow.serving.published.answers import Account, ByHorizon, Days, IsoDay, Probability, finite, share
from undertow.serving.published.history.files import (
    CAUSES,
    FOLDER,
    Publication,
    newest_of_each_day,
    publications,
    read_last,
    row_of,
)
from undertow.serving.published.requests import Cause, trimmed
from undertow.serving.published.scores import PublishedScores

AT_ONCE = 4  # files that are read at the same time
Named = tuple[dict[str, Any], dict[str, Any]]  # a row of the history, and what publication it is of


class HistoryPoint(msgspec.Struct):
    """What one list said of an account: the newest list of its as_of.

    `horizon`: days, of `probability` and `contributions`, which are in probability and with `like_probability` add up
    to it. `by_cause`: at every horizon of that list. Money over the months of the CLV. `first_family`: of the first
    reason; null where no family raised the score.
    """

    as_of: IsoDay
    run_id: str
    model_version: str
    horizon: Days
    probability: Probability | None
    by_cause: dict[str, ByHorizon]
    like_probability: Probability | None
    contributions: dict[str, float | None]
    cause: Cause
    first_family: str | None
    value_at_risk: float | None
    clv: float | None
    currency: str


class AccountHistory(msgspec.Struct):
    """The scores of one account over time, oldest first.

    `on_list`: whether it is on the list that is answered from; else `gone_since` is the as_of of the first list without
    it. `unread`: files of the history that cannot be read, and are passed over.
    """

    account_id: str
    name: str | None
    on_list: bool
    gone_since: IsoDay | None
    points: Annotated[list[HistoryPoint], Meta(min_length=1)]
    unread: list[str]


@dataclass(frozen=True)
class Found:
    """What the history holds of an account. `rows`: oldest first; `last`: all of the newest one, None without any."""

    rows: tuple[Named, ...]
    last: Named | None
    days: tuple[date, ...]
    unread: tuple[str, ...]


def history_of(store: Path, published: PublishedScores, everybody: PublishedScores, account_id: str) -> AccountHistory:
    """Return the history of an account. Raises UnknownAccount where no list names it, or its owner is another.

    `published`: the list with the accounts that the caller may see; `everybody`: with all accounts. Who may see an
    account now may see what earlier lists said of it; one that has left is its last owner's.
    """
    account_id = trimmed(account_id)
    on_list = account_id in published.position
    unknown = published.unknown(account_id)
    if not on_list and account_id in everybody.position:  # another owner's
        raise unknown
    found = find(store / FOLDER, account_id)
    points = [point(*each) for each in found.rows]
    if on_list:
        now = published.account(account_id)
        mine = [each for each in points if each.as_of != f"{now.as_of:%Y-%m-%d}"]
        return _history(account_id, now.name, None, [*mine, point_of(now, published.manifest)], found.unread)
    if found.last is None or published.owner not in (None, found.last[0]["owner"]):
        raise unknown
    return _history(account_id, found.last[0]["name"], _gone_since(found, published.manifest), points, found.unread)


def _history(
    account_id: str, name: str | None, gone_since: str | None, points: Sequence[HistoryPoint], unread: Sequence[str]
) -> AccountHistory:
    ordered = sorted(points, key=lambda each: each.as_of)
    return AccountHistory(account_id, name, gone_since is None, gone_since, ordered, [*unread])


def _gone_since(found: Found, manifest: Mapping[str, Any]) -> str:
    """Return the as_of of the first list after the last that named the account."""
    assert found.last is not None
    last, now = str(found.last[1]["as_of"])[:10], str(manifest["as_of"])[:10]
    return min([f"{day}" for day in found.days if f"{day}" > last] + [now])


def find(root: Path, account_id: str) -> Found:
    """Return what the newest list of every as_of says of an account; damaged files are named and passed over."""
    listed = newest_of_each_day(publications(root))
    rows: list[Named] = []
    unread: list[str] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for each in pool.map(lambda publication: _read(publication, account_id), listed):
            if isinstance(each, str):
                unread.append(each)
            elif each is not None:
                rows.append(each)
    last = read_last(listed, account_id, str(rows[-1][1]["run_id"])) if rows else None
    return Found(tuple(rows), last, tuple(each.as_of for each in listed), tuple(unread))


def _read(publication: Publication, account_id: str) -> Named | str | None:
    try:
        return row_of(publication, account_id)
    except Unreadable as error:
        return str(error)


def point(row: Mapping[str, Any], of: Mapping[str, Any]) -> HistoryPoint:
    """Return a row of the history as an answer; `of`: what publication it is of."""
    row, horizons = finite(dict(row)), of["horizons"]
    chances = [share(each) for each in row["by_cause"]]
    by_cause = {
        cause: dict(zip(map(str, horizons), chances[place * len(horizons) :], strict=False))
        for place, cause in enumerate(CAUSES)
    }
    return HistoryPoint(
        as_of=str(of["as_of"])[:10],
        run_id=of["run_id"],
        model_version=of["model_version"],
        horizon=of["headline"],
        probability=share(row["probability"]),
        by_cause=by_cause,
        like_probability=share(row["like_probability"]),
        contributions=dict(zip(of["families"], row["contributions"], strict=True)),
        cause=row["cause"],
        first_family=row["first_family"],
        value_at_risk=row["value_at_risk"],
        clv=row["clv"],
        currency=of["currency"],
    )


def point_of(account: Account, manifest: Mapping[str, Any]) -> HistoryPoint:
    """Return what the published list says of an account, in the form of the history."""
    return HistoryPoint(
        as_of=f"{account.as_of:%Y-%m-%d}",
        run_id=manifest["run_id"],
        model_version=account.model_version,
        horizon=manifest["headline"],
        probability=account.probability[str(manifest["headline"])],
        by_cause=account.by_cause,
        like_probability=account.like_probability,
        contributions=account.contributions.families,
        cause=account.cause,
        first_family=account.reasons[0].family if account.reasons else None,
        value_at_risk=account.value_at_risk,
        clv=account.clv.value,
        currency=account.currency,
    )
