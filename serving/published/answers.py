"""Answers of the API as types, from which the OpenAPI description is made.

A number that is not finite is answered as null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any, get_args

import msgspec
import pyarrow as pa
from msgspec import Meta

from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.serving.published.requests import Cause, Verdict

if TYPE_CHECKING:
    from undertow.training.bundle.bundle import Bundle
    from undertow.training.bundle.scores import Scores

NONE_STANDS_OUT = "no single reason stands out"
Moment = Annotated[datetime, Meta(tz=True)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
Days = Annotated[int, Meta(ge=1)]
CARRIED = "carried_"  # how the columns of scores.parquet begin that are carried along
IsoDay = Annotated[str, Meta(extra_json_schema={"format": "date"})]
ByHorizon = dict[str, Probability | None]  # horizon in days, as text -> probability


class Clv(msgspec.Struct):
    """Expected value over a number of months.

    `low`, `high`: 80 % of what is realised lies between; null where too little was observed. `by_horizon`: over "12",
    "24" and "36" months and the "whole" relationship, for which the last hazard on record goes on.
    """

    months: Days
    value: float | None
    low: float | None
    high: float | None
    currency: str
    by_horizon: dict[str, float | None]


class ValueAtRiskBy(msgspec.Struct):
    """How value at risk adds up: `like`, if the account left as accounts in the same contract position, and families.

    In money, over the months of the CLV.
    """

    like: float | None
    families: dict[str, float | None]


class TopFeature(msgspec.Struct):
    """One feature's share of the score, probability points."""

    feature: str
    family: str
    contribution: float | None


class Contributions(msgspec.Struct):
    """Contributions to the score by feature family; with `like_probability` they add up to the score."""

    horizon: Days
    unit: str
    families: dict[str, float | None]
    top_features: list[TopFeature]


class Changed(msgspec.Struct):
    """Why the score differs from that of `days` before, in probability: by feature family, and the contract's clock.

    `clock`: what the contract position and the season alone would have changed; it is no reason. Together they add
    up to the difference of the two scores.
    """

    days: Days
    families: dict[str, float | None]
    clock: float | None


class Moved(msgspec.Struct):
    """What moved since the list before, of the as_of `since`; `is_new`: the account was not on it.

    `probability`: now less then, at the headline horizon; `before`: then. It is the sum of `model` (a new model reads
    the same rows otherwise), `clock` (what the contract position and the season alone changed; it is no reason) and
    `families` (what changed in the data); these are null where the account is new, or the rows of that list cannot be
    scored again. `value_at_risk`: money, now less then.
    """

    since: IsoDay
    is_new: bool
    before: Probability | None
    probability: float | None
    model: float | None
    clock: float | None
    families: dict[str, float | None]
    value_at_risk: float | None


class Evidence(msgspec.Struct):
    """One measured fact behind a reason.

    `before`: the value 30 days earlier. `typical`: the median of accounts in the same contract position, in the
    training data.
    """

    feature: str
    sentence: str
    unit: str
    value: float | None
    before: float | None
    typical: float | None
    said: str


class Reason(msgspec.Struct):
    """A family that raises the score above that of accounts in the same contract position.

    `contribution`: probability points. `agreement`: of the family that comes first, the share of models trained on
    other accounts in which it comes first too; null where that was not measured, and for a notice.
    """

    family: str
    contribution: float | None
    agreement: Probability | None
    evidence: list[Evidence]


class Contact(msgspec.Struct):
    """Whether a contact with the account pays, under the assumptions of [contact].

    `value`: what it is expected to keep less what it costs, money over the months of the CLV. `verdict`: over_budget
    where it pays and no contact is left for it.
    """

    value: float | None
    verdict: Verdict | None


class Action(msgspec.Struct):
    """What the playbook says is done about the account, by whom, and until which day.

    `is_default`: of this release's playbook; nobody in the team wrote it.
    """

    do: str
    by: str
    due: date
    is_default: bool


class Account(msgspec.Struct):
    """One account as published. Money over `clv.months`; `mrr` per month; `spent`: bought in the last 365 days.

    Where customers subscribe `spent` is null; where nobody cancels `mrr` is, and `probability` is that of no activity
    for so many days.

    `clv_if_kept`: the value if the account stayed through the headline horizon and then left as forecast.
    `value_at_risk`: that less the CLV, what leaving within the horizon costs. `months_expected`: as a customer from now
    on; `months_in_a_year`: of the next 12.

    `carried`: columns of the accounts that the project carries along, such as ids in other systems.

    `notice`: it gave notice to leave. `notice`, `contact` and `action` are null in lists of releases without them, and
    `contact` where the value at risk is not known, or the account gave notice: what a contact then saves is not known.

    `announced`: a change of its MRR that is known ahead, such as "gave notice for 2025-04-20". `like_probability`: of
    accounts in the same contract position. `changed`: null where the account was not at risk then. `moved`: null where
    there is no list before this one to compare with, or it was published by an earlier release. `stands_out`:
    whether the first reason is a notice, or leads the second family by a percentage point or more.
    """

    account_id: str
    name: str | None
    as_of: Moment
    segment: str | None
    country: str | None
    owner: str | None
    carried: dict[str, str | None]
    mrr: float | None
    spent: float | None
    currency: str
    tenure_days: float | None
    renews_at: Moment | None
    announced: str | None
    notice: bool | None
    cause: Cause
    probability: ByHorizon
    by_cause: dict[str, ByHorizon]
    clv: Clv
    months_expected: float | None
    months_in_a_year: float | None
    clv_if_kept: float | None
    value_at_risk: float | None
    value_at_risk_by: ValueAtRiskBy
    contact: Contact | None
    action: Action | None
    like_probability: Probability | None
    contributions: Contributions
    changed: Changed | None
    moved: Moved | None
    stands_out: bool
    reasons: list[Reason]
    model_version: str


class AtRiskAnswer(msgspec.Struct):
    """One page of the at-risk list. `total`, `value_at_risk`: of all accounts that match, not of this page.

    `next`: the URL of the next page, relative to that of this one; null after the last. It names the list (`run`), so
    that pages of two lists never mix.
    """

    run_id: str
    model_version: str
    as_of: IsoDay
    headline: Days
    currency: str
    total: Count
    value_at_risk: float | None
    limit: Count
    offset: Count
    next: Annotated[str, Meta(extra_json_schema={"format": "uri-reference"})] | None
    accounts: list[Account]


class Scored(msgspec.Struct):
    """One scored account or row. `like_probability`: of accounts in the same contract position.

    With `explain: false`, `value_at_risk_by`, `like_probability` and `contributions` are null.
    """

    account_id: str | None
    probability: ByHorizon
    by_cause: dict[str, ByHorizon]
    clv: Clv
    value_at_risk: float | None
    value_at_risk_by: ValueAtRiskBy | None
    like_probability: Probability | None
    contributions: Contributions | None


class ScoreAnswer(msgspec.Struct):
    """Scores, in the order of the request.

    `unknown`: ids not among the published accounts; absent for rows. `missing`: of each row, how many features that the
    score is computed from it did not hold; there with `missing: "null"` alone.
    """

    model_version: str
    as_of: date
    results: list[Scored]
    unknown: list[str] | msgspec.UnsetType = msgspec.UNSET
    missing: list[Count] | msgspec.UnsetType = msgspec.UNSET


class Problem(msgspec.Struct, omit_defaults=True):
    """The one shape of every error: RFC 9457, application/problem+json.

    `type`: urn:undertow: and the kind of error. `detail`: what was expected, what came and what to do. `errors`: the
    first faults of rows, up to ten.
    """

    type: Annotated[str, Meta(extra_json_schema={"format": "uri"})]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    errors: list[str] = []


def account_answer(row: Mapping[str, Any], manifest: Mapping[str, Any]) -> Account:
    """Return the answer for one row of scores.parquet, its flat columns nested."""
    horizons, families = manifest["horizons"], manifest["families"]
    fields: dict[str, Any] = {name: row.get(name) for name in Account.__struct_fields__}
    fields |= {
        "as_of": utc(row["as_of"]),
        "carried": {name.removeprefix(CARRIED): row[name] for name in row if name.startswith(CARRIED)},
        "renews_at": None if row.get("renews_at") is None else utc(row["renews_at"]),
        "contact": _contact(row),
        "action": _action(row),
        "like_probability": share(row.get("like_probability")),
        "probability": {str(h): share(row[f"p_{h}"]) for h in horizons},
        "by_cause": {cause: {str(h): share(row[f"p_{cause}_{h}"]) for h in horizons} for cause in get_args(Cause)},
        "clv": Clv(
            manifest["value_months"],
            row["clv"],
            row["clv_low"],
            row["clv_high"],
            row["currency"],
            {name: row[f"clv_{name}"] for name in manifest["clv_horizons"]},
        ),
        "value_at_risk_by": ValueAtRiskBy(
            row["like_value_at_risk"], {family: row[f"value_at_risk_{family}"] for family in families}
        ),
        "contributions": Contributions(
            manifest["headline"],
            "probability",
            {family: row[f"probability_{family}"] for family in families},
            [msgspec.convert(feature, TopFeature) for feature in row.get("top_features") or []],
        ),
        "changed": _changed(row, manifest),
        "moved": moved_of(row, manifest),
        "reasons": [msgspec.convert(reason, Reason) for reason in row.get("reasons") or []],
    }
    return Account(**fields)


def _contact(row: Mapping[str, Any]) -> Contact | None:
    verdict = row.get("contact")
    return None if verdict is None else Contact(row["contact_value"], verdict)


def _action(row: Mapping[str, Any]) -> Action | None:
    if row.get("action") is None:
        return None
    return Action(row["action"], row["action_by"], row["action_due"].date(), row["action_is_default"])


def _changed(row: Mapping[str, Any], manifest: Mapping[str, Any]) -> Changed | None:
    if row["changed_clock"] is None:
        return None
    families = {family: row[f"changed_{family}"] for family in manifest["families"]}
    return Changed(manifest["change_days"], families, row["changed_clock"])


def moved_of(row: Mapping[str, Any], manifest: Mapping[str, Any]) -> Moved | None:
    """Return what moved since the list before; None where there is none to compare with."""
    previous, is_new = manifest.get("previous"), row.get("is_new")
    if previous is None or is_new is None:
        return None
    return Moved(
        since=previous["as_of"],
        is_new=is_new,
        before=share(row["previous_probability"]),
        probability=row["moved"],
        model=row["moved_model"],
        clock=row["moved_clock"],
        families={family: row[f"moved_{family}"] for family in manifest["families"]},
        value_at_risk=row["value_at_risk_moved"],
    )


def utc(moment: datetime) -> datetime:
    """Return a timestamp with its time zone; one stored without a zone is UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def share(probability: float | None) -> float | None:
    """Return a probability as answered, 0 to 1: a sum over causes may be above by rounding.

    >>> share(1.0000000000000002), share(None)
    (1.0, None)
    """
    return None if probability is None else min(max(probability, 0.0), 1.0)


def finite(value: Any) -> Any:
    """Return `value` with every number that is not finite, at any depth, as None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    return [finite(part) for part in value] if isinstance(value, list) else value


def as_accounts(rows: pa.Table, manifest: Mapping[str, Any]) -> list[Account]:
    """Return rows of scores.parquet as answers."""
    return [account_answer(finite(row), manifest) for row in rows.to_pylist()]


def as_scored(account: Account, explain: bool = True) -> Scored:
    """Return a published account in the form of a scoring answer; `explain`: with what its score is made of."""
    left_out = {} if explain else dict.fromkeys(("value_at_risk_by", "like_probability", "contributions"))
    return Scored(**{name: getattr(account, name) for name in Scored.__struct_fields__} | left_out)


def scored(
    scores: Scores, row: int, account_id: str | None, bundle: Bundle, manifest: Mapping[str, Any], explain: bool = True
) -> Scored:
    """Return row `row` of live scores as an answer; `explain`: with what the score is made of."""
    days = [str(horizon) for horizon in bundle.horizons]
    by_cause = [[share(each) for each in of_cause] for of_cause in scores.by_cause[row].T.tolist()]
    return Scored(
        account_id=account_id,
        probability=dict(zip(days, map(share, scores.probability[row].tolist()), strict=True)),
        by_cause={cause: dict(zip(days, by_cause[k], strict=True)) for k, cause in enumerate(get_args(Cause))},
        clv=Clv(
            manifest["value_months"],
            finite(float(scores.clv[row])),
            finite(float(scores.clv_low[row])),
            finite(float(scores.clv_high[row])),
            manifest["currency"],
            dict(zip(manifest["clv_horizons"], finite(scores.clv_by_horizon[row].tolist()), strict=True)),
        ),
        value_at_risk=finite(float(scores.value_at_risk[row])),
        value_at_risk_by=_value_at_risk_by(scores, row) if explain else None,
        like_probability=share(float(scores.like_probability[row])) if explain else None,
        contributions=_contributions(scores, row, bundle) if explain else None,
    )


def _value_at_risk_by(scores: Scores, row: int) -> ValueAtRiskBy:
    families = finite(scores.value_at_risk_by_family[row].tolist())
    return ValueAtRiskBy(
        finite(float(scores.like_value_at_risk[row])), dict(zip(REASON_FAMILIES, families, strict=True))
    )


def _contributions(scores: Scores, row: int, bundle: Bundle) -> Contributions:
    families = dict(zip(REASON_FAMILIES, scores.probability_by_family[row].tolist(), strict=True))
    top = [TopFeature(*each) for each in bundle.top_features(scores, row)]
    return Contributions(bundle.headline, "probability", families, top)
