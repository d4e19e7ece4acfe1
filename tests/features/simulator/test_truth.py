"""The truth is held against what happened, against arithmetic, and against itself with other luck."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from undertow.features.errors import TimeError
from undertow.features.simulator import (
    Parameters,
    PlantedCause,
    Shock,
    World,
    churn_probability,
    contact_response,
    daily_hazards,
    lever_effects,
    levers,
    margin,
    run,
    write_truth,
)
from undertow.features.simulator.branches import MONTH_DAYS, look_ahead
from undertow.features.simulator.history import stream
from undertow.features.simulator.releases import joined, paint, planted_releases
from undertow.features.simulator.state import INVOLUNTARY, MERGED, STAYED, VOLUNTARY, Floats
from undertow.features.simulator.world import step

QUARTERS = (3, 6, 9, 12, 15, 18, 21)  # months whose 90 days ahead do not overlap
SETTLED = Parameters(  # nobody can leave and no price changes
    accounts=80, months=3, lottery=True, lottery_voluntary=0.0, lottery_involuntary=0.0,
    price_rise=0.0, seat_change=0.0, merge_rate=0.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def village() -> World:
    """120 accounts x 6 months: small enough for many paths."""
    return run(Parameters(accounts=120, months=6), seed=5)


@pytest.fixture(scope="module")
def left(town: World) -> NDArray[np.int8]:
    """Why each account left on each day, (n_days, n_accounts)."""
    return np.concatenate([month.left for month in town.months()])


@pytest.fixture(scope="module")
def foretold(town: World, left: NDArray[np.int8]) -> dict[str, Floats]:
    """True 90-day probabilities by cause beside what happened, over all quarters."""
    found: dict[str, list[Floats]] = {"p": [], "p_voluntary": [], "p_involuntary": [], "why": []}
    for month in QUARTERS:
        day = town.parameters.month_start(month)
        table = churn_probability(town, _date(town, day), (90,), paths=16)
        for name in ("p", "p_voluntary", "p_involuntary"):
            found[name].append(table[name].to_numpy())
        found["why"].append(left[day : day + 90, town.frozen[day].active].max(axis=0))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _date(world: World, day: int) -> date:
    return world.parameters.start + timedelta(days=day)


def _numbers(table: pa.Table, name: str) -> Floats:
    return np.asarray(table[name].to_numpy(), np.float64)


def _everybody(world: World, day: int) -> NDArray[np.int64]:
    return np.flatnonzero(world.state_at(day).active)


# --- probabilities ---------------------------------------------------------------------------


@pytest.mark.parametrize("fifth", range(5))
def test_true_probabilities_are_calibrated_in_every_fifth(foretold: dict[str, Floats], fifth: int) -> None:
    rows = np.array_split(np.argsort(foretold["p"]), 5)[fifth]
    expected = foretold["p"][rows].sum()
    happened = np.isin(foretold["why"][rows], (VOLUNTARY, INVOLUNTARY)).sum()
    # Releases strike many accounts at once: a little wider than chance alone.
    assert abs(happened - expected) < 3.0 * np.sqrt(expected) + 0.05 * expected + 2.0


@pytest.mark.parametrize("name, cause", [("p_voluntary", VOLUNTARY), ("p_involuntary", INVOLUNTARY)])
def test_true_probabilities_are_calibrated_by_cause(foretold: dict[str, Floats], name: str, cause: int) -> None:
    expected = foretold[name].sum()
    happened = (foretold["why"] == cause).sum()
    assert happened > 40
    assert abs(happened - expected) < 3.0 * np.sqrt(expected) + 0.03 * expected


def test_the_chances_of_the_causes_add_up(foretold: dict[str, Floats]) -> None:
    assert np.allclose(foretold["p_voluntary"] + foretold["p_involuntary"], foretold["p"])
    assert foretold["p"].min() > 0.0 and foretold["p"].max() < 1.0


def test_true_probabilities_rank_churners_well_but_not_perfectly(foretold: dict[str, Floats]) -> None:
    churned = np.isin(foretold["why"], (VOLUNTARY, INVOLUNTARY))
    order = np.argsort(np.argsort(foretold["p"])) + 1
    n = churned.sum()
    auroc = (order[churned].sum() - n * (n + 1) / 2) / (n * (~churned).sum())
    assert 0.72 < auroc < 0.92


def test_daily_hazards_add_up_to_the_churn_that_happened(town: World, left: NDArray[np.int8]) -> None:
    causes = {"h_voluntary": VOLUNTARY, "h_involuntary": INVOLUNTARY}
    expected = dict.fromkeys(causes, 0.0)
    for month in daily_hazards(town):
        for name in causes:
            expected[name] += _numbers(month, name).sum()
    for name, cause in causes.items():
        assert abs((left == cause).sum() - expected[name]) < 3.0 * np.sqrt(expected[name]), name


def test_hazards_are_told_for_accounts_at_risk_and_no_others(village: World) -> None:
    for table, month in zip(daily_hazards(village), village.months(), strict=True):
        assert table.num_rows == month.present.sum()
        for hazard in (month.hazards.voluntary, month.hazards.involuntary):
            assert (hazard[~month.present] == 0.0).all() and hazard.max() < 1.0
        assert (month.left[~month.present] == STAYED).all()


def test_a_longer_horizon_never_has_less_churn(village: World) -> None:
    table = churn_probability(village, date(2023, 3, 1), (360, 30, 90), paths=4)
    p = _numbers(table, "p").reshape(3, -1)
    assert (np.diff(p, axis=0) >= 0.0).all() and p.max() <= 1.0
    assert list(dict.fromkeys(table["horizon_days"].to_pylist())) == [30, 90, 360]


def test_a_horizon_says_the_same_alone_and_among_longer_ones(village: World) -> None:
    # The releases to come are drawn over the longest horizon: the same in law, not in luck.
    many = _numbers(churn_probability(village, date(2023, 3, 1), (30, 90), paths=256), "p")
    alone = _numbers(churn_probability(village, date(2023, 3, 1), (30,), paths=256), "p")
    assert many[: len(alone)].sum() == pytest.approx(alone.sum(), rel=0.03)


def test_more_paths_agree_better(village: World) -> None:
    def gap(paths: int) -> float:
        one, other = (
            _numbers(churn_probability(village, date(2023, 4, 1), (90,), paths, seed), "p") for seed in (0, 1)
        )
        return float(np.sqrt(np.mean((one - other) ** 2)) / one.mean())

    few, many = gap(8), gap(128)
    assert 2.0 < few / many < 8.0  # 4 by the law of large numbers
    assert many < 0.2


def test_the_same_seed_foretells_the_same(village: World) -> None:
    one, other = (churn_probability(village, date(2023, 4, 1), (90,), 4, seed=9) for _ in range(2))
    assert one.equals(other)


def test_what_is_already_broken_is_foretold_and_what_will_break_is_not(village: World) -> None:
    who = _everybody(village, 90)

    def lost(released: int) -> Floats:
        planted = planted_releases(replace(village.parameters, shocks=(Shock(PlantedCause.release, released),)))
        world = replace(village, releases=joined(village.releases, planted))
        return np.asarray(look_ahead(world, 90, who, [60], paths=8).lost[0].sum(axis=0))

    usual = look_ahead(village, 90, who, [60], paths=8).lost[0].sum(axis=0)
    assert lost(89).sum() > 1.05 * usual.sum()
    assert np.array_equal(lost(90), usual) and np.array_equal(lost(60), usual)  # not yet, and mended again


def test_a_day_within_a_month_is_foretold_from_its_own_state(village: World) -> None:
    table = churn_probability(village, date(2023, 4, 17), (30,), paths=4)
    assert table.num_rows == village.state_at(106).active.sum() != village.frozen[90].active.sum()


@pytest.mark.parametrize("as_of", [date(2022, 12, 31), date(2023, 7, 2)])
def test_truth_refuses_a_day_outside_the_history(village: World, as_of: date) -> None:
    with pytest.raises(TimeError, match="from 2023-01-01 to 2023-07-01; got 20"):
        churn_probability(village, as_of)


# --- cards, integrated out -------------------------------------------------------------------


@pytest.fixture(scope="module")
def cards() -> World:
    """60 accounts that nothing but a failed card can make leave."""
    return run(Parameters(accounts=60, months=1, monthly_base=-60.0, annual_base=-60.0, merge_rate=0.0), seed=2)


def test_a_card_loses_its_account_as_often_as_arithmetic_says(cards: World) -> None:
    p, state = cards.parameters, cards.frozen[0]
    soon = np.flatnonzero(state.active & (state.renews_on < 8) & (state.card_expires > p.dunning_days + 8))
    assert len(soon) >= 5
    lost = look_ahead(cards, 0, soon, [p.dunning_days + 8], paths=2).lost[0]
    assert lost[1] == pytest.approx(state.card_risk[soon] * (1.0 - p.recovery) ** p.dunning_days, rel=1e-9)
    assert lost[0].max() < 1e-9


def test_an_expired_card_loses_its_account_unless_it_is_replaced_or_the_bill_is_paid(cards: World) -> None:
    p, state = cards.parameters, cards.frozen[0]
    soon = np.flatnonzero(state.active & (state.renews_on < 8))
    expired = replace(cards, frozen={0: replace(state, card_expires=np.zeros(p.accounts, np.int64))})
    lost = look_ahead(expired, 0, soon, [p.dunning_days + 8], paths=4000).lost[0]
    # Replaced with 3 % per day, on the day of the billing too; mended with 7.5 % per day for 14 days.
    kept = 0.97 ** (state.renews_on[soon] + 1)
    random = (1.0 - kept) * state.card_risk[soon]
    assert lost[1] == pytest.approx((kept + random) * 0.925**14, abs=0.012)


def test_cards_integrated_out_agree_with_many_that_were_drawn(cards: World) -> None:
    p, state, times = cards.parameters, cards.frozen[0], 3000
    soon = np.flatnonzero(state.active & (state.renews_on < 3))[:3]
    valid = np.full(p.accounts, 1000)
    drawn = replace(state, card_risk=np.full(p.accounts, 0.5), card_expires=valid).take(soon).repeat(times)
    static, rng = cards.static.take(soon).repeat(times), stream(1)
    release_effects = paint(cards.releases, (0, 20), 1)
    lost = np.zeros(len(drawn.active))
    for day in range(18):
        drawn, _, hazards = step(p, static, drawn, day, rng, release_effects)
        lost += rng.random(len(lost)) < hazards.involuntary
    expected = 0.5 * (1.0 - p.recovery) ** p.dunning_days
    assert lost.mean() == pytest.approx(expected, abs=4.0 * np.sqrt(expected / len(lost)))


def test_expired_cards_integrated_out_agree_with_many_that_were_drawn(cards: World) -> None:
    # A random failure on day 1 or 2, and a card that expires on day 5, over two billings.
    p, state, times, days = cards.parameters, cards.frozen[0], 4000, 60
    soon = np.flatnonzero(state.active & (state.renews_on < 3) & (cards.static.term == 1))[:3]
    risky = replace(state, card_risk=np.full(p.accounts, 0.3), card_expires=np.full(p.accounts, 5))
    static, rng = cards.static.take(soon).repeat(times), stream(1)
    drawn, release_effects = risky.take(soon).repeat(times), paint(cards.releases, (0, days), 1)
    alive = np.ones(len(drawn.active), bool)
    for day in range(days):
        drawn, _, hazards = step(p, static, drawn, day, rng, release_effects)
        alive &= rng.random(len(alive)) >= hazards.involuntary
    lost = look_ahead(replace(cards, frozen={0: risky}), 0, soon, [days], paths=times).lost[0, 1].mean()
    assert 1.0 - alive.mean() == pytest.approx(lost, abs=0.02)


# --- money -----------------------------------------------------------------------------------


def test_who_cannot_leave_brings_twelve_months_of_margin() -> None:
    world = run(SETTLED, seed=1)
    table = margin(world, date(2023, 3, 1), paths=2)
    expected = world.state_at(59).mrr[_everybody(world, 59)] * 0.8 * 12
    assert len(expected) > 30
    for name in ("margin_12m", "margin_12m_q10", "margin_12m_q90"):
        assert _numbers(table, name) == pytest.approx(expected), name
    assert sum(_numbers(table, f"mrr_{month}") for month in range(1, 13)) * 0.8 == pytest.approx(expected)


@pytest.fixture(scope="module")
def futures(town: World) -> pa.Table:
    """The margins of the town's second year."""
    return margin(town, date(2024, 1, 1), paths=32)


@pytest.fixture(scope="module")
def earned(town: World, left: NDArray[np.int8]) -> Floats:
    """What each account at risk on 1 January 2024 brought in the twelve months that followed, EUR."""
    who, total = _everybody(town, 365), np.zeros(town.parameters.accounts)
    for day in range(365, 365 + round(12 * MONTH_DAYS)):
        gone = (left[365 : day + 1] != STAYED).any(axis=0)
        total += np.where(gone, 0.0, town.state_at(day + 1).mrr) * town.parameters.gross_margin / MONTH_DAYS
    return total[who]


def test_four_of_five_margins_come_to_lie_within_their_quantiles(futures: pa.Table, earned: Floats) -> None:
    inside = (earned >= _numbers(futures, "margin_12m_q10")) & (earned <= _numbers(futures, "margin_12m_q90"))
    assert 0.72 < inside.mean() < 0.90


def test_margins_are_earned_on_average(futures: pa.Table, earned: Floats) -> None:
    expected = _numbers(futures, "margin_12m")
    noise = np.sqrt(((earned - expected) ** 2).sum())
    assert abs(earned.sum() - expected.sum()) < 3.0 * noise
    assert noise < 0.05 * expected.sum()


def test_the_likelier_to_leave_bring_less_of_what_they_pay(town: World, futures: pa.Table) -> None:
    p = _numbers(churn_probability(town, date(2024, 1, 1), (360,), paths=8), "p")
    share = _numbers(futures, "margin_12m") / _numbers(futures, "mrr_1")
    low, high = p < np.quantile(p, 0.2), p > np.quantile(p, 0.8)
    assert np.corrcoef(p, share)[0, 1] < -0.6
    assert share[high].mean() < 0.8 * share[low].mean()


# --- levers and calls ------------------------------------------------------------------------


def test_a_lever_that_changes_nothing_has_no_effect_at_all(village: World) -> None:
    who = _everybody(village, 90)
    usual = look_ahead(village, 90, who, [60], months=2, paths=4)
    pulled = look_ahead(village, 90, who, [60], months=2, paths=4, lever=replace(village.parameters))
    assert np.array_equal(usual.lost, pulled.lost) and np.array_equal(usual.paid, pulled.paid)


def test_the_same_luck_makes_a_difference_far_less_noisy(village: World) -> None:
    who, pulled = _everybody(village, 90), levers(village.parameters)["a fifth fewer errors"]

    def lost(seed: int, lever: Parameters | None = None) -> Floats:
        return np.asarray(look_ahead(village, 90, who, [90], paths=16, seed=seed, lever=lever).lost[0].sum(axis=0))

    usual, with_it = [lost(seed) for seed in (0, 1)], [lost(seed, pulled) for seed in (0, 1)]
    paired = (with_it[0] - usual[0]) - (with_it[1] - usual[1])
    unpaired = (with_it[0] - usual[1]) - (with_it[1] - usual[0])
    assert paired.std() < 0.2 * unpaired.std()


def test_every_lever_keeps_customers(village: World) -> None:
    table = lever_effects(village, date(2023, 4, 1), paths=32)
    names = table["lever"].to_numpy(zero_copy_only=False)
    assert set(names) == set(levers(village.parameters))
    for name in levers(village.parameters):
        effect = _numbers(table, "effect")[names == name]
        assert effect.mean() < 0.0, name
    assert np.allclose(_numbers(table, "p_with") - _numbers(table, "p"), _numbers(table, "effect"))


def test_mended_cards_keep_whom_a_card_would_have_lost(village: World) -> None:
    state, pulled = village.state_at(90), levers(village.parameters)["failed cards mended twice as often"]
    who = np.flatnonzero(state.active & (state.dunning_day == 0))
    usual = look_ahead(village, 90, who, [90], paths=4).lost[0]
    with_it = look_ahead(village, 90, who, [90], paths=4, lever=pulled).lost[0]
    # A card that fails from now on is lost with probability 0.925^14 = 0.336, and 0.85^14 = 0.103 with the lever.
    assert with_it[1].sum() == pytest.approx(0.306 * usual[1].sum(), rel=0.1)
    assert (with_it[0] >= usual[0]).all()  # whoever keeps the card may still choose to leave


def test_calls_keep_many_and_wake_a_few(town: World) -> None:
    table = contact_response(town, date(2024, 1, 1), paths=4)
    effect = _numbers(table, "effect")
    assert effect.mean() < 0.0
    assert 0.01 < (effect > 0.0).mean() < 0.2
    woken = town.static.response[_everybody(town, 365)] > 0.0
    assert (effect[woken] >= 0.0).all() and (effect[~woken] <= 0.0).all()


def test_offers_that_nobody_takes_do_nothing() -> None:
    world = run(Parameters(accounts=40, months=2, contact_accepted=0.0), seed=1)
    table = contact_response(world, date(2023, 2, 1), paths=2)
    assert table.num_rows > 10
    assert (_numbers(table, "effect") == 0.0).all()


# --- the files -------------------------------------------------------------------------------


def test_the_truth_is_written_for_the_last_month_starts(village: World, tmp_path: Path) -> None:
    told: list[float] = []
    write_truth(village, tmp_path, months=5, paths=2, progress=told.append)
    assert told == sorted(told) and told[-1] == 1.0
    names = {path.name for path in tmp_path.iterdir()}
    parquet = {"daily_hazards", "churn_probability", "margin", "lever_effects", "contact_response"}
    assert names == {f"{name}.parquet" for name in parquet} | {"world.json"}
    chances = pq.read_table(tmp_path / "churn_probability.parquet")
    as_ofs = [np.datetime64(f"2023-{month:02d}-01") for month in (3, 4, 5, 6, 7)]
    assert sorted(set(chances["as_of"].to_numpy())) == as_ofs
    assert set(chances["horizon_days"].to_pylist()) == {30, 60, 90, 180, 360}
    for name in ("lever_effects", "contact_response"):  # the newest whose 90 days lie in the history
        assert set(pq.read_table(tmp_path / f"{name}.parquet")["as_of"].to_numpy()) == {as_ofs[1]}
    told_world = json.loads((tmp_path / "world.json").read_text(encoding="utf-8"))
    assert told_world["seed"] == 5 and told_world["parameters"]["accounts"] == 120


def test_merging_away_is_no_churn(town: World, left: NDArray[np.int8]) -> None:
    assert (left == MERGED).any()
    ends = town.state_at(town.parameters.days)
    who = np.nonzero(left == MERGED)[1]
    assert not ends.active[who].any() and (ends.ended_on[who] < 0).all()
