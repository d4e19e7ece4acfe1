"""What nobody outside the simulator may see: hazards, probabilities, value, levers, and who can be kept."""

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
from undertow.features.simulator.observe.columns import (
    DAY,
    account_ids,
    timestamps,
    words,
    write,
    write_all,
)
from undertow.features.simulator.state import Floats, Ints, State

HORIZONS_DAYS = (30, 60, 90, 180, 360)
VALUE_MONTHS = 12
LEVER_DAYS = 90
Tell = Callable[[float], None]


@dataclass(frozen=True)
class Moment:
    """A day of the world, its first instant, and who is at risk then."""

    world: World
    day: int
    at_risk: Ints

    def keys(self, times: int = 1) -> dict[str, pa.Array]:
        """Return account_id and as_of, all accounts `times` times over."""
        as_of = np.full(len(self.at_risk) * times, self.day * DAY)
        return {
            "account_id": account_ids(np.tile(self.at_risk, times)),
            "as_of": timestamps(self.world.parameters, as_of),
        }

    def futures(
        self, horizons: Sequence[int], months: int = 0, paths: int = PATHS, seed: int = 0
    ) -> Futures:
        """Live the futures of everybody at risk."""
        return look_ahead(self.world, self.day, self.at_risk, horizons, months=months, paths=paths, seed=seed)


def moment(world: World, as_of: date) -> Moment:
    """Return the first instant of a day. Raises TimeError outside the history."""
    day = (as_of - world.parameters.start).days
    if not 0 <= day <= world.parameters.days:
        last = world.parameters.start + timedelta(days=world.parameters.days)
        raise TimeError(f"This world lives from {world.parameters.start} to {last}; {as_of} lies outside.")
    return Moment(world, day, np.flatnonzero(world.state_at(day).active))


def daily_hazards(world: World) -> Iterator[pa.Table]:
    """Yield, month by month, one row per account-day at risk: account_id, day, h_voluntary, h_involuntary.

    A hazard is the chance to leave on that day for an account present at its start, 0 to 1.
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
    """Return the true chance to churn in [as_of, as_of + horizon) of each account at risk.

    Columns: account_id, as_of, horizon_days, p_voluntary, p_involuntary, p. The mean over `paths`
    futures of 1 - prod(1 - h), by cause. Coming back takes 45 days or more, so this is churn with no
    return within 30 days. Merging away, 4 of 1,000 accounts a year, is not in it.
    """
    at = moment(world, as_of)
    return _probabilities(at, tuple(sorted(horizons_days)), at.futures(sorted(horizons_days), paths=paths, seed=seed))


def margin(world: World, as_of: date, paths: int = PATHS, seed: int = 0) -> pa.Table:
    """Return the true margin of the next 12 months of each account at risk, EUR, not discounted.

    Columns: account_id, as_of, margin_12m (expected), margin_12m_q10 and margin_12m_q90 (80 % of the
    futures lie between, exits drawn), and mrr_1 to mrr_12: expected MRR at each month's end. Money
    counts until the account leaves; what it brings after a return is not in it.
    """
    at = moment(world, as_of)
    return _margins(at, at.futures([1], VALUE_MONTHS, paths, seed))


def lever_effects(world: World, as_of: date, horizon_days: int = LEVER_DAYS, paths: int = PATHS) -> pa.Table:
    """Return what each lever, pulled at as_of, does to each account's chance to churn.

    Columns: account_id, as_of, horizon_days, lever, p (as things are), p_with, effect (p_with - p).
    Total effects, whatever they pass through; the same futures with and without.
    """
    at = moment(world, as_of)
    usual = at.futures([horizon_days], paths=paths).lost[0].sum(axis=0)
    parts = []
    for name, pulled in levers(world.parameters).items():
        futures = look_ahead(world, at.day, at.at_risk, [horizon_days], paths=paths, lever=pulled)
        p_with = futures.lost[0].sum(axis=0)
        effect = {"p": usual, "p_with": p_with, "effect": p_with - usual}
        parts.append(pa.table(at.keys() | _constant(at, horizon_days=horizon_days, lever=name) | effect))
    return pa.concat_tables(parts)


def contact_response(world: World, as_of: date, horizon_days: int = LEVER_DAYS, paths: int = PATHS) -> pa.Table:
    """Return what a retention call at as_of would do: account_id, as_of, horizon_days, p, p_called, effect.

    The call is offered, not always taken (`contact_accepted`), so this is the effect of calling. Some
    accounts are woken by it: their effect is above 0.
    """
    at = moment(world, as_of)

    def take(state: State) -> State:
        return replace(state, offer_on=np.full(len(state.active), at.day))

    alone = at.futures([horizon_days], paths=paths).lost[0].sum(axis=0)
    taken = look_ahead(world, at.day, at.at_risk, [horizon_days], paths=paths, change=take).lost[0].sum(axis=0)
    effect = world.parameters.contact_accepted * (taken - alone)
    told = {"p": alone, "p_called": alone + effect, "effect": effect}
    return pa.table(at.keys() | _constant(at, horizon_days=horizon_days) | told)


def write_truth(
    world: World, out: Path, *, months: int = 13, paths: int = PATHS, progress: Tell | None = None
) -> None:
    """Write the truth as Parquet files into `out`.

    Probabilities and margins are told for the last `months` month starts, the end included; levers and
    contacts for the newest of them whose 90 days lie inside the history.
    """
    out.mkdir(parents=True, exist_ok=True)
    tell = progress or (lambda share: None)
    write_all(daily_hazards(world), out / "daily_hazards.parquet")
    as_ofs = [world.parameters.start + timedelta(days=day) for day in sorted(world.frozen)[-months:]]
    probabilities, margins = [], []
    for done, as_of in enumerate(as_ofs, start=1):
        at = moment(world, as_of)
        futures = at.futures(HORIZONS_DAYS, VALUE_MONTHS, paths)
        probabilities.append(_probabilities(at, HORIZONS_DAYS, futures))
        margins.append(_margins(at, futures))
        tell(0.8 * done / len(as_ofs))
    write(pa.concat_tables(probabilities), out / "churn_probability.parquet")
    write(pa.concat_tables(margins), out / "margin.parquet")
    inside = [as_of for as_of in as_ofs if (as_of - as_ofs[-1]).days <= -LEVER_DAYS] or as_ofs[-1:]
    write(lever_effects(world, inside[-1], paths=paths), out / "lever_effects.parquet")
    tell(0.95)
    write(contact_response(world, inside[-1], paths=paths), out / "contact_response.parquet")
    described = {"seed": world.seed, "parameters": asdict(world.parameters)}
    (out / "world.json").write_text(json.dumps(described, indent=2, default=str), encoding="utf-8")
    tell(1.0)


def _constant(at: Moment, **values: int | str) -> dict[str, pa.Array]:
    """Return columns that say the same for everybody at risk."""
    n, nobody = len(at.at_risk), np.zeros(len(at.at_risk), np.int64)
    return {
        name: words(nobody, (value,)) if isinstance(value, str) else pa.array(np.full(n, value, np.int32))
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
