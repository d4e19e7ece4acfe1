"""What is planted on purpose: leaks that know the future, and blows on a known day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from undertow.features.simulator import Parameters, PlantedCause, Shock, World, event_months, run
from undertow.features.simulator.history import Day, struck_by

BLOW_DAY = 90  # the first day of the fourth month


def _all(world: World, what: Callable[[Day], NDArray[np.generic]]) -> NDArray[np.generic]:
    """Return one array of all days, (n_days, n_accounts)."""
    return np.concatenate([what(month) for month in world.months()])


# --- blows -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quiet() -> World:
    """400 accounts x 6 months without blows."""
    return run(Parameters(accounts=400, months=6), seed=6)


@pytest.fixture(scope="module")
def struck(quiet: World) -> World:
    """The same world with all four blows on one day."""
    planted_causes = tuple(Shock(kind, BLOW_DAY, 0.2) for kind in PlantedCause)
    return run(replace(quiet.parameters, shocks=planted_causes), seed=6)


def test_a_world_may_end_without_broken_web_releases() -> None:
    p = Parameters(accounts=20, months=6, bad_releases=0.5)
    usual, calm = run(p, seed=6), run(replace(p, web_unbroken=60), seed=6)
    since, on_web = p.days - 60, calm.releases.platform == 0
    assert ((usual.releases.platform == 0) & (usual.releases.end > p.days)).sum() > 0
    assert on_web.sum() > 5 and (calm.releases.end[on_web] <= since).all()
    assert np.array_equal(calm.releases.start[~on_web], usual.releases.start[usual.releases.platform != 0])
    assert calm.release_effects.error[0, since:, 0].max() == 0.0 < calm.release_effects.error[0, since:, 1].max()


def _group(world: World, kind: PlantedCause) -> NDArray[np.bool_]:
    return struck_by(world, [shock.kind for shock in world.parameters.shocks].index(kind))


def test_until_the_blow_a_world_is_what_it_was(quiet: World, struck: World) -> None:
    for number in range(3):
        ours, theirs = quiet.month(number), struck.month(number)
        for one, other in ((ours.lived, theirs.lived), (ours.hazards, theirs.hazards)):
            for f in fields(one):
                assert np.array_equal(getattr(one, f.name), getattr(other, f.name)), f.name
        assert np.array_equal(ours.left, theirs.left)
    assert not np.array_equal(quiet.month(3).lived.engagement, struck.month(3).lived.engagement)


def test_no_account_is_struck_twice(struck: World) -> None:
    groups = np.stack([_group(struck, kind) for kind in PlantedCause])
    assert groups.sum(axis=0).max() == 1
    assert groups.sum(axis=1) == pytest.approx(np.full(4, 80), abs=30)


def test_an_expired_card_fails_at_the_next_billing_unless_it_is_replaced_until_then(struck: World) -> None:
    has_card = _group(struck, PlantedCause.card) & struck.state_at(BLOW_DAY).active & ~struck.static.by_invoice
    j = struck.journal
    seen = {"failed": 0, "replaced": 0, "paid": 0}
    for account in np.flatnonzero(has_card):
        rows = j.take(np.flatnonzero((j.account == account) & (j.day >= BLOW_DAY)))
        first = rows.take(np.flatnonzero(rows.billed | rows.card_given | (rows.left > 0))[:1])
        if first.card_given.any() or not first.billed.any():
            seen["replaced"] += int(first.card_given.sum())
            continue
        assert first.card_failed.all()
        seen["failed"] += 1
        paid = rows.take(np.flatnonzero(rows.recovered)[:1])
        seen["paid"] += len(paid.day)
        assert paid.card_given.all()  # whoever pays has given a new card
    assert seen["failed"] > 15 and seen["replaced"] > 5 and seen["paid"] > 5
    others = j.take(np.flatnonzero(j.billed & ~_group(struck, PlantedCause.card)[j.account] & (j.day >= BLOW_DAY)))
    assert others.card_failed.mean() < 0.1


def test_a_lost_habit_ends_most_visits(quiet: World, struck: World) -> None:
    lost = _group(struck, PlantedCause.habit)
    ids = [f"A-{account:05d}" for account in np.flatnonzero(lost)]

    def sessions(world: World) -> int:
        table = pa.concat_tables(list(event_months(world))[3:5])
        return len(table.filter(pa.compute.is_in(table["account_id"], pa.array(ids)))["session_id"].unique())

    assert sessions(struck) < 0.4 * sessions(quiet)


def test_a_storm_of_tickets_comes_to_those_who_are_struck(quiet: World, struck: World) -> None:
    hit = _group(struck, PlantedCause.tickets)
    before, after = (_all(world, lambda month: month.lived.opened)[BLOW_DAY:] for world in (quiet, struck))
    assert after[:, hit].sum() > 8 * before[:, hit].sum()
    # Those of the release are no others: all use the web, which it broke.
    others = ~np.any([_group(struck, kind) for kind in PlantedCause], axis=0)
    assert after[:, others].sum() < 3 * before[:, others].sum()


def test_a_broken_release_breaks_one_page_on_one_platform_for_a_month(quiet: World, struck: World) -> None:
    def errors(world: World, months: slice) -> dict[tuple[str, str], float]:
        connection = duckdb.connect()
        connection.register("log", pa.concat_tables(list(event_months(world))[months]))
        rows = connection.execute(
            "SELECT platform, name, count(*) FILTER (kind = 'error') / count(*) FILTER (kind = 'page_view') FROM log "
            "WHERE kind IN ('error', 'page_view') AND event_id NOT LIKE 'E-X%' AND account_id <> 'A-00400' GROUP BY ALL"
        ).fetchall()
        return {(platform, name): share for platform, name, share in rows}

    usual, broken = errors(quiet, slice(3, 4)), errors(struck, slice(3, 4))
    assert broken["web", "reports"] > usual["web", "reports"] + 0.3
    rises = {page: broken[page] - usual[page] for page in usual if page != ("web", "reports")}
    assert len(rises) == 17 and abs(np.mean(list(rises.values()))) < 0.02 and max(rises.values()) < 0.1
    healed = errors(struck, slice(5, 6))
    assert healed["web", "reports"] < usual["web", "reports"] + 0.1
