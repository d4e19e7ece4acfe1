"""One Parquet file an as_of, of everybody at risk then as known then; written once."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from undertow.features.build.feature_table import build_features
from undertow.features.catalogue.cards import Feature
from undertow.features.catalogue.language import rows_of
from undertow.features.compiler.plan import plan_features
from undertow.features.errors import DataError, SettingsError, TimeError
from undertow.features.settings import Settings, make_settings
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Tables

NOW = datetime(2024, 6, 15, 12)
MARCH, APRIL, MAY = datetime(2024, 3, 1), datetime(2024, 4, 1), datetime(2024, 5, 1)
World = dict[str, list[Mapping[str, object]]]
Project = Callable[..., Settings]
Tiny = tuple[Settings, Tables]


def _rows(table: pa.Table) -> dict[tuple[str, datetime], dict[str, object]]:
    return {(row["account_id"], row["as_of"]): row for row in table.to_pylist()}


def test_the_tiny_world_is_built_as_computed_by_hand(tiny: Tiny) -> None:
    built = build_features(*tiny, [MARCH, APRIL, MAY])
    found = _rows(built.read())
    assert list(found) == [
        ("ada", MARCH), ("bo", MARCH), ("cleo", MARCH), ("di", MARCH),
        ("ada", APRIL), ("bo", APRIL), ("cleo", APRIL), ("di", APRIL),
        ("ada", MAY), ("di", MAY),
    ]  # fmt: skip
    ada, silent = found["ada", APRIL], found["di", APRIL]
    assert (ada["errors_30"], ada["error_rate_30"], ada["mrr"], ada["segment"]) == (1.0, 1.0, 500.0, "large")
    assert (ada["tenure_days"], ada["active_days_30"], ada["profile_industry"]) == (91.0, 1.0, "steel")
    assert (found["ada", MARCH]["errors_30"], found["ada", MAY]["errors_30"]) == (0.0, 0.0)
    assert (silent["errors_30"], silent["error_rate_30"], silent["days_since_last_activity"]) == (
        0.0,
        None,
        None,
    )
    assert built.catalogue.dropped["tickets_opened"] == "tickets"


@pytest.mark.parametrize("kept", [(0, 1), (3,), (4, 6, 9), ()])
def test_chosen_rows_are_those_of_the_whole_table_however_they_lie_in_files(tiny: Tiny, kept: tuple[int, ...]) -> None:
    built = build_features(*tiny, [MARCH, APRIL, MAY])
    whole = built.read()
    for as_of in (MARCH, APRIL):  # in two files, the last account first
        [file] = built.path(as_of).glob("*.parquet")
        rows = pq.read_table(file).sort_by([("account_id", "descending")])
        pq.write_table(rows.slice(0, 1), built.path(as_of) / "a.parquet")
        pq.write_table(rows.slice(1), file, row_group_size=2)
    keep = np.isin(np.arange(whole.num_rows), kept)
    assert built.read(keep=keep) == whole.filter(pa.array(keep))


def test_a_file_holds_the_catalogue_in_its_order(tiny: Tiny) -> None:
    built = build_features(*tiny, [APRIL])
    schema = built.read().schema
    assert schema.names == ["account_id", "as_of", *(column.name for column in built.catalogue.columns)]
    texts = {column.name for column in built.catalogue.columns if column.feature.unit == "text"}
    assert all((schema.field(name).type == pa.string()) == (name in texts) for name in schema.names[2:])
    assert [path.name for path in built.folder.iterdir()] == ["as_of=2024-04-01"]


def test_a_second_build_reuses_the_files_and_adds_what_is_missing(tiny: Tiny) -> None:
    told: list[tuple[str, float]] = []
    first = build_features(*tiny, [MARCH, APRIL], progress=lambda what, share: told.append((what, share)))
    written = first.path(APRIL).stat().st_mtime_ns
    second = build_features(*tiny, [APRIL, MAY], progress=lambda what, share: told.append((what, share)))
    assert second.folder == first.folder
    assert second.path(APRIL).stat().st_mtime_ns == written
    assert told == [("features", 1.0), ("features", 1.0)]
    assert second.as_ofs == (APRIL, MAY)
    assert set(second.read([MAY])["as_of"].to_pylist()) == {MAY}


OWN = """
[events]
kinds = ["delivery"]
[[features]]
name = "late_deliveries"
sentence = "Late deliveries"
family = "cx"
level = "journey"
unit = "count"
table = "events"
where = {{ kind = "delivery", name = "{name}" }}
measure = "count"
windows = [30]
"""


def test_features_of_ones_own_are_built_beside_the_catalogue_and_again_when_they_change(
    project: Project, tiny: Tiny, tiny_world: World
) -> None:
    delivery = {"account_id": "ada", "kind": "delivery"}
    tiny_world["events.csv"] = [
        *tiny_world["events.csv"],
        {**delivery, "occurred_at": "2024-03-20", "name": "late"},
        {**delivery, "occurred_at": "2024-03-21", "name": "lost"},
        {**delivery, "occurred_at": "2024-04-01", "name": "late"},
    ]
    plain = project(tiny_world)
    built = build_features(plain, load_tables(plain, NOW), [APRIL])
    found = []
    for name in ("late", "on time"):
        settings = project(tiny_world, OWN.format(name=name))
        mine = build_features(settings, load_tables(settings, NOW), [APRIL])
        assert mine.catalogue.columns[-2].name == "late_deliveries_30"  # before the profile of one's own
        assert mine.folder != built.folder
        found.append([row["late_deliveries_30"] for row in mine.read().to_pylist()])
    assert found == [[1, 0, 0, 0], [0, 0, 0, 0]]
    assert "late_deliveries_30" not in built.read().column_names


def test_a_wrong_feature_of_ones_own_is_refused(tiny: Tiny) -> None:
    [wrong] = make_settings(tiny[0].folder, tomllib.loads(OWN.format(name="late").replace("kind =", "kid ="))).features
    with pytest.raises(SettingsError, match=r"'late_deliveries': table events has no column 'kid' .*'kind'"):
        build_features(tiny[0].model_copy(update={"features": (wrong,)}), tiny[1], [APRIL])


def test_other_rows_or_other_definitions_are_another_folder(project: Project, tiny: Tiny, tiny_world: World) -> None:
    built = build_features(*tiny, [APRIL])
    assert built.folder.name.startswith(f"{tiny[1].fingerprint}-")
    tiny_world["events.csv"] = tiny_world["events.csv"][1:]
    fewer = project(tiny_world)
    again = build_features(fewer, load_tables(fewer, NOW), [APRIL])
    assert again.folder != built.folder
    assert again.catalogue.id == built.catalogue.id
    assert _rows(again.read())["ada", APRIL]["error_rate_30"] is None


def test_as_of_may_be_the_end_of_the_rows_and_not_a_day_later(tiny: Tiny) -> None:
    assert tiny[1].until == datetime(2024, 6, 15)
    with pytest.raises(TimeError, match=r"as_of 2024-06-16 lies after the rows end \(2024-06-15\)"):
        build_features(*tiny, [APRIL, datetime(2024, 6, 16)])
    assert build_features(*tiny, [datetime(2024, 6, 15)]).read().num_rows == 2


def test_as_of_off_midnight_is_refused(tiny: Tiny) -> None:
    with pytest.raises(TimeError, match=r"as_of 2024-04-01 09:30:00 has a time of day; .*midnight UTC"):
        build_features(*tiny, [datetime(2024, 4, 1, 9, 30)])


def test_as_of_with_a_zone_is_refused(tiny: Tiny) -> None:
    with pytest.raises(TimeError, match="has a time zone; give it in UTC without one"):
        build_features(*tiny, [datetime(2024, 4, 1, tzinfo=UTC)])


def test_without_subscriptions_nobody_is_at_risk(project: Project, tiny_world: World) -> None:
    settings = project({"accounts.csv": tiny_world["accounts.csv"]})
    with pytest.raises(DataError, match="No account is at risk without the subscriptions table"):
        build_features(settings, load_tables(settings, NOW), [datetime(2024, 2, 1)])


def test_an_account_with_two_subscriptions_is_one_row(project: Project, tiny_world: World) -> None:
    subscriptions: Sequence[Mapping[str, object]] = tiny_world["subscriptions.csv"]
    second = {**subscriptions[0], "subscription_id": "s-ada-2", "mrr": 20}
    settings = project({**tiny_world, "subscriptions.csv": [*subscriptions, second]})
    found = build_features(settings, load_tables(settings, NOW), [MAY]).read()
    assert found["account_id"].to_pylist() == ["ada", "di"]
    assert found["mrr"].to_pylist() == [520.0, 50.0]


def test_another_measure_of_the_same_name_is_another_query() -> None:
    pages = rows_of("events").where(kind="page_view")
    cards = [
        Feature("pages", "Pages", family="usage", level="interaction", unit="count", measure=measure)
        for measure in (pages.count(), pages.distinct_days())
    ]
    assert plan_features(cards[0].columns).sql() != plan_features(cards[1].columns).sql()
