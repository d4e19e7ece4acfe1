"""The ground truth of a world: hazards, churn probabilities, margins, and the effects of levers and retention calls.

It is for evaluation only: features and training never read it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from undertow.features.errors import TimeError
from undertow.features.simulator.branches import PATHS, Futures, levers, look_ahead
from undertow.features.simulator.history import World
from undertow.features.simulator.observe.columns import DAY, account_ids, timestamps, words, write, write_all
from undertow.features.simulator.state import Floats, Ints, State

HORIZONS_DAYS = (30, 60, 90, 180, 360)
VALUE_MONTHS = 12
LEVER_DAYS = 90
ReportProgress = Callable[[float], None]


@dataclass(frozen=True)
class Moment:
    """A snapshot of a world: a day, and the accounts at risk at its first instant."""

    world: World
    day: int
    at_risk: Ints

    def keys(self, times: int = 1) -> dict[str, pa.Array]:
        """Return the columns account_id and as_of of the accounts at risk, repeated `times` times."""
        as_of = np.full(len(self.at_risk) * times, self.day * DAY)
        return {
            "account_id": account_ids(np.tile(self.at_risk, times)),
            "as_of": timestamps(self.world.parameters, as_of),
        }

    def futures(self, horizons: Sequence[int], months: int = 0, paths: int = PATHS, seed: int = 0) -> Futures:
        """Simulate the futures of all accounts at risk."""
        return look_ahead(self.world, self.day, self.at_risk, horizons, months=months, paths=paths, seed=seed)


def moment(world: World, as_of: date) -> Moment:
    """Return the snapshot of a world at a day. Raises TimeError outside the history."""
    day = (as_of - world.parameters.start).days
    if not 0 <= day <= world.parameters.days:
        last = world.parameters.start + timedelta(days=world.parameters.days)
        raise TimeError(
            f"as_of must lie in the history of this world, from {world.parameters.start} to {last}; got {as_of}."
        )
    return Moment(world, day, np.flatnonzero(world.state_at(day).active))


def daily_hazards(world: World) -> Iterator[pa.Table]:
    """Yield the true hazards month by month, one row per account and day at risk.

    Columns: account_id, day, h_voluntary, h_involuntary. A hazard is the probability, 0 to 1, that an
    account at risk at the start of the day churns on it.
    """
    for number, month in enumerate(world.months()):
        account, day = np.nonzero(month.present.T)
        yield pa.table(
            {
                "account_id": account_ids(account),
                "day": timestamps(world.parameters, (day + world.parameters.month_start(number)) * DAY),
                "h_voluntary": month.hazards.voluntary[day, account],
                "h_involuntary": month.hazards.involuntary[day, account],
            }
        )


def churn_probability(
    world: World,
    as_of: date,
    horizons_days: Sequence[int] = HORIZONS_DAYS,
    paths: int = PATHS,
    seed: int = 0,
) -> pa.Table:
    """Return the true churn probability in [as_of, as_of + horizon) of each account at risk.

    Columns: account_id, as_of, horizon_days, p_voluntary, p_involuntary, p. The mean over `paths`
    futures of 1 - prod(1 - h), by cause. Accounts return after 45 days or more, so this is churn without a
    return within 30 days. Merges, 4 of 1,000 accounts per year, are not included.
    """
    at = moment(world, as_of)
    return _probabilities(at, tuple(sorted(horizons_days)), at.futures(sorted(horizons_days), paths=paths, seed=seed))


def margin(world: World, as_of: date, paths: int = PATHS, seed: int = 0) -> pa.Table:
    """Return the true margin of the next 12 months of each account at risk, EUR, not discounted.

    Columns: account_id, as_of, margin_12m (expected), margin_12m_q10 and margin_12m_q90 (80 % of the
    futures lie between, exits drawn), and mrr_1 to mrr_12: expected MRR of each month, the mean over its
    days. Revenue counts until the account churns; revenue after a return is not included.
    """
    at = moment(world, as_of)
    return _margins(at, at.futures([1], VALUE_MONTHS, paths, seed))


def lever_effects(world: World, as_of: date, horizon_days: int = LEVER_DAYS, paths: int = PATHS) -> pa.Table:
    """Return the true effect of each lever, applied from as_of, on each account's churn probability.

    Columns: account_id, as_of, horizon_days, lever, p (without the lever), p_with, effect (p_with - p).
    Total causal effects, through all mediators; the same futures are simulated with and without the lever.
    """
    at = moment(world, as_of)
    p_without = at.futures([horizon_days], paths=paths).lost[0].sum(axis=0)
    parts = []
    for name, lever in levers(world.parameters).items():
        futures = look_ahead(world, at.day, at.at_risk, [horizon_days], paths=paths, lever=lever)
        p_with = futures.lost[0].sum(axis=0)
        effect = {"p": p_without, "p_with": p_with, "effect": p_with - p_without}
        parts.append(pa.table(at.keys() | _constant(at, horizon_days=horizon_days, lever=name) | effect))
    return pa.concat_tables(parts)


def contact_response(world: World, as_of: date, horizon_days: int = LEVER_DAYS, paths: int = PATHS) -> pa.Table:
    """Return the true effect of a retention call at as_of on each account's churn probability.

    Columns: account_id, as_of, horizon_days, p, p_called, effect. It is the effect of calling (intention to
    treat): the offer is not always accepted (`contact_accepted`). For some accounts it is above 0.
    """
    at = moment(world, as_of)

    def accept(state: State) -> State:
        return replace(state, offer_on=np.full(len(state.active), at.day))

    uncalled = at.futures([horizon_days], paths=paths).lost[0].sum(axis=0)
    accepted = look_ahead(world, at.day, at.at_risk, [horizon_days], paths=paths, change=accept).lost[0].sum(axis=0)
    effect = world.parameters.contact_accepted * (accepted - uncalled)
    columns = {"p": uncalled, "p_called": uncalled + effect, "effect": effect}
    return pa.table(at.keys() | _constant(at, horizon_days=horizon_days) | columns)


def write_truth(
    world: World, out: Path, *, months: int = 13, paths: int = PATHS, progress: ReportProgress | None = None
) -> None:
    """Write the ground truth as Parquet files into `out`.

    Probabilities and margins are written for the last `months` month starts, the end included; effects of levers
    and calls for the newest of them whose 90 days lie inside the history. `progress` receives the share done, 0 to 1.
    """
    out.mkdir(parents=True, exist_ok=True)
    report_progress = progress or (lambda share: None)
    write_all(daily_hazards(world), out / "daily_hazards.parquet")
    as_ofs = [world.parameters.start + timedelta(days=day) for day in sorted(world.frozen)[-months:]]
    probabilities, margins = [], []
    for done, as_of in enumerate(as_ofs, start=1):
        at = moment(world, as_of)
        futures = at.futures(HORIZONS_DAYS, VALUE_MONTHS, paths)
        probabilities.append(_probabilities(at, HORIZONS_DAYS, futures))
        margins.append(_margins(at, futures))
        report_progress(0.8 * done / len(as_ofs))
    write(pa.concat_tables(probabilities), out / "churn_probability.parquet")
    write(pa.concat_tables(margins), out / "margin.parquet")
    inside = [as_of for as_of in as_ofs if (as_of - as_ofs[-1]).days <= -LEVER_DAYS] or as_ofs[-1:]
    write(lever_effects(world, inside[-1], paths=paths), out / "lever_effects.parquet")
    report_progress(0.95)
    write(contact_response(world, inside[-1], paths=paths), out / "contact_response.parquet")
    description = {"seed": world.seed, "parameters": asdict(world.parameters)}
    (out / "world.json").write_text(json.dumps(description, indent=2, default=str), encoding="utf-8")
    report_progress(1.0)


def _constant(at: Moment, **values: int | str) -> dict[str, pa.Array]:
    """Return columns that hold one value for all accounts at risk."""
    n, codes = len(at.at_risk), np.zeros(len(at.at_risk), np.int64)
    return {
        name: words(codes, (value,)) if isinstance(value, str) else pa.array(np.full(n, value, np.int32))
        for name, value in values.items()
    }


def _probabilities(at: Moment, horizons: Sequence[int], futures: Futures) -> pa.Table:
    voluntary, involuntary = futures.lost[:, 0].ravel(), futures.lost[:, 1].ravel()
    return pa.table(
        {
            **at.keys(len(horizons)),
            "horizon_days": np.repeat(np.array(horizons, np.int32), len(at.at_risk)),
            "p_voluntary": voluntary,
            "p_involuntary": involuntary,
            "p": voluntary + involuntary,
        }
    )


def _margins(at: Moment, futures: Futures) -> pa.Table:
    share = at.world.parameters.gross_margin
    low, high = np.quantile(share * futures.paid, (0.1, 0.9), axis=1) if len(at.at_risk) else np.zeros((2, 0))
    expected: Floats = share * futures.mrr.sum(axis=0)
    return pa.table(
        {
            **at.keys(),
            "margin_12m": expected,
            "margin_12m_q10": low,
            "margin_12m_q90": high,
            **{f"mrr_{month + 1}": futures.mrr[month] for month in range(VALUE_MONTHS)},
        }
    )
