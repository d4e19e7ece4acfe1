"""Finds columns of `accounts` that were filled in when a customer left (a closing reason, say).

These columns are read as they stand today for the whole past, so replaying our own record cannot reveal them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from undertow.features.catalogue.cards import Column
from undertow.features.replay.replay import Finding
from undertow.training.examples.split import Examples
from undertow.training.leakage.auroc import Auroc, as_of_numbers, auroc, halves, numbers_of, rates_elsewhere, views

CHECK = "end state"
STRONG = 0.80  # lower bound of AUROC for ever leaving
PURE = 0.9  # share of leavers among the accounts with one value
BY_CHANCE = 1e-6  # how unlikely that would be
FEW_VALUES = 12  # up to so many, a number is also read as a code
STANDING = ("segment", "country", "acquisition")  # contract columns that are read as they stand today


def end_states(examples: Examples, columns: Iterable[Column]) -> list[Finding]:
    """Return a failure for each column of accounts that was filled in when a customer left.

    These columns are read as they stand today for the whole past. The check has one row per account:
    whether it ever left, among accounts first seen at the same as_of (and so followed for as long).
    """
    ever, first = _by_account(examples)
    group = as_of_numbers(first)
    half, account = halves(first), first.accounts
    findings = []
    for column in columns:
        for view, score, keep in _codes_too(first.rows[column.name]):
            values, groups = score[keep], group[keep]
            if view == "category":
                values, groups = rates_elsewhere(values, ever[keep], half[keep]), 2 * groups + half[keep]
            ever_left = auroc(values, ever[keep], account[keep], groups)
            pure = _purest(first.rows[column.name], view, score, keep, ever, group)
            text = _end_state(ever_left, pure, view)
            if text:
                findings.append(Finding("failure", CHECK, source_of(column.name), text))
                break
    return findings


def _by_account(examples: Examples) -> tuple[np.ndarray, Examples]:
    """Return whether each account ever left, bool, and its first snapshot.

    Left: seen to churn, or no longer at risk at the newest as_of (too recently to differ from a pause),
    unless its end was a neutral one.
    """
    as_of, account = as_of_numbers(examples), examples.accounts
    order = np.lexsort((as_of, account))
    first = order[np.diff(account[order], prepend=-1) != 0]
    size = int(account.max(initial=-1)) + 1
    churned = np.bincount(account, weights=~np.isnan(examples.outcomes.churn_days), minlength=size) > 0
    neutral = np.bincount(account, weights=~np.isnan(examples.outcomes.neutral_days), minlength=size) > 0
    newest = np.bincount(account, weights=as_of == as_of.max(initial=0), minlength=size) > 0
    ever = churned | (~newest & ~neutral)
    return ever[account[first]], Examples(examples.rows.take(pa.array(first)), examples.outcomes.take(first))


def _codes_too(values: pa.ChunkedArray) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield the views of a column, whether it is filled first; a number of few values also as a code."""
    yield from sorted(views(values), key=lambda view: view[0] != "filled")
    if not pa.types.is_string(values.type):
        numbers = numbers_of(values)
        codes = np.unique(numbers, return_inverse=True)[1]
        if codes.max(initial=0) < FEW_VALUES:
            yield "category", codes.astype(float), np.ones(len(numbers), dtype=bool)


def _purest(
    column: pa.ChunkedArray, view: str, score: np.ndarray, keep: np.ndarray, ever: np.ndarray, group: np.ndarray
) -> tuple[str, int] | None:
    """Return (value, accounts) where practically only leavers have one value and chance does not explain it."""
    if view == "value":
        return None
    rate = np.bincount(group, weights=ever)[group] / np.bincount(group)[group]
    for code in np.unique(score[keep]):
        having = keep & (score == code)
        is_null = not column[int(np.argmax(having))].is_valid
        if is_null or (view == "filled" and code == 0):
            continue
        share = float(ever[having].mean())
        if share >= PURE and _chance(share, float(rate[having].mean()), int(having.sum())) < BY_CHANCE:
            named = "filled" if view == "filled" else repr(column[int(np.argmax(having))].as_py())
            return named, int(having.sum())
    return None


def _chance(share: float, rate: float, count: int) -> float:
    """Return a bound on the chance that at least `share` of `count` leave where `rate` do (Chernoff)."""
    if rate <= 0 or rate >= share:
        return 1.0
    apart = share * np.log(share / rate)
    if share < 1:
        apart += (1 - share) * np.log((1 - share) / (1 - rate))
    return float(np.exp(-count * apart))


def _end_state(ever_left: Auroc | None, pure: tuple[str, int] | None, view: str) -> str | None:
    if ever_left and ever_left.strength > STRONG:
        what = "whether it is filled" if view == "filled" else "its value today"
        return f"an end state: {what} predicts which accounts ever left with AUROC {ever_left.text}."
    if pure:
        return f"an end state: of the {pure[1]} accounts where it is {pure[0]}, practically all have left."
    return None


def standing_columns(columns: Iterable[Column]) -> list[Column]:
    """Return the columns taken from `accounts` as they stand today, without the account's age."""
    return [column for column in columns if _stands(column.name)]


def standing_findings(columns: Sequence[Column]) -> list[Finding]:
    """Return one warning that names the columns of accounts that are read as they stand today."""
    if not columns:
        return []
    names = ", ".join(source_of(column.name) for column in columns)
    text = "read as they stand today for the whole past: leave out what changes, and what says how an account ended."
    return [Finding("warning", "profile", names, text)]


def source_of(name: str) -> str:
    """Return where a column comes from, if it is taken from accounts as it stands; else its name."""
    return f"accounts.{name.removeprefix('profile_')}" if _stands(name) else name


def _stands(name: str) -> bool:
    return name in STANDING or name.startswith("profile_")
