"""What was published, as the service and the command line read it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from tests.serving.published_by_hand import People
from undertow.features.errors import RequestError, UnknownAccount
from undertow.serving.published.list_query import AtRiskQuery
from undertow.serving.published.requests import ScoreRequest, trimmed
from undertow.serving.published.scores import PublishedScores


def test_the_list_is_ordered_by_value_at_risk(published: PublishedScores, people: People) -> None:
    values = published.select(AtRiskQuery()).rows["value_at_risk"].to_pylist()
    assert len(values) == len(people)
    assert values == sorted(values, reverse=True)


def test_filters_narrow_and_the_totals_speak_of_all_that_match(published: PublishedScores) -> None:
    found = published.select(AtRiskQuery(limit=1, owner=("Mara Lindqvist",)))
    assert (found.total, found.rows.num_rows) == (2, 1)
    everything = published.select(AtRiskQuery(owner=("Mara Lindqvist",))).rows["value_at_risk"].to_pylist()
    assert found.value_at_risk == pytest.approx(sum(everything))


def test_each_filter_keeps_only_what_it_names(published: PublishedScores) -> None:
    assert set(published.select(AtRiskQuery(segment=("startup",))).rows["segment"].to_pylist()) == {"startup"}
    assert set(published.select(AtRiskQuery(cause="involuntary")).rows["cause"].to_pylist()) == {"involuntary"}
    assert min(published.select(AtRiskQuery(min_value=1000)).rows["value_at_risk"].to_pylist()) >= 1000
    assert published.select(AtRiskQuery(segment=("business",), cause="involuntary", min_value=1e9)).total == 0


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"segment": ("Startup",)}, r"No account has the segment 'Startup'. Did you mean 'startup'\? Known:"),
        ({"owner": ("Tom Okafer",)}, r"the owner 'Tom Okafer'. Did you mean 'Tom Okafor'\? Known: '@owner', 'Mara"),
        ({"owner": ("x" * 500,)}, r"the owner 'x{20,}…'. Known: '@owner', 'Mara Lindqvist', 'Tom Okafor'."),
    ],
)
def test_a_segment_or_owner_that_no_account_has_is_refused_with_the_nearest(
    published: PublishedScores, filters: dict[str, tuple[str]], said: str
) -> None:
    with pytest.raises(RequestError, match=said):
        published.select(AtRiskQuery(**filters))  # type: ignore[arg-type]


def test_pages_follow_each_other_and_end(published: PublishedScores) -> None:
    ids = [published.select(AtRiskQuery(limit=4, offset=offset)).rows["account_id"].to_pylist() for offset in (0, 4, 8)]
    assert [len(page) for page in ids] == [4, 2, 0]
    assert len({*ids[0], *ids[1]}) == 6


def test_an_account_is_found_whatever_its_id_looks_like(published: PublishedScores, people: People) -> None:
    for person in people:
        assert published.account(person[0]).name == person[1]


def test_an_unknown_account_is_refused_with_the_day_that_was_scored(published: PublishedScores) -> None:
    with pytest.raises(UnknownAccount, match="No account 'A-1' among those scored as of 2025-01-31"):
        published.account("A-1")


def test_scoring_a_known_account_gives_what_was_published(published: PublishedScores) -> None:
    ids = ["zero", "A-00042", "zero"]
    answer = published.score(ScoreRequest(account_ids=ids))
    assert [result.account_id for result in answer.results] == ids
    for result in answer.results:
        account = published.account(str(result.account_id))
        assert result.probability == pytest.approx(account.probability)
        assert result.value_at_risk == pytest.approx(account.value_at_risk)
        assert result.contributions.families == pytest.approx(account.contributions.families)


def test_an_unknown_id_among_known_ones_is_listed_and_costs_only_its_own_answer(published: PublishedScores) -> None:
    answer = published.score(ScoreRequest(account_ids=["x", "zero", "y", "x", "A-00042"]))
    assert [result.account_id for result in answer.results] == ["zero", "A-00042"]
    assert answer.unknown == ["x", "y"]
    assert published.score(ScoreRequest(account_ids=["zero"])).unknown == []


def test_where_no_id_is_known_all_are_refused(published: PublishedScores) -> None:
    with pytest.raises(
        UnknownAccount, match=r"None of the 2 account ids is among those scored as of 2025.*first is 'x'"
    ):
        published.score(ScoreRequest(account_ids=["x", "y", "x"]))


def test_ids_are_trimmed_as_the_contract_trims_them(published: PublishedScores) -> None:
    assert published.account(" A-00042\u00a0").account_id == "A-00042"
    answer = published.score(ScoreRequest(account_ids=["  zero ", " x "]))
    assert ([result.account_id for result in answer.results], answer.unknown) == (["zero"], ["x"])


def test_blanks_are_those_of_the_contract() -> None:
    every = "".join(chr(number) for number in range(1, 0x10000) if not 0xD800 <= number < 0xE000)
    cut = duckdb.sql("SELECT c FROM unnest($1) AS t(c) WHERE trim(c || 'a') = 'a'", params=[list(every)]).fetchall()
    assert [character for (character,) in cut] == [each for each in every if trimmed(f"{each}a") == "a"] != []


def approximately(told: Any) -> Any:
    """Return an answer whose numbers compare within rounding."""
    if isinstance(told, dict):
        return {name: approximately(value) for name, value in told.items()}
    if isinstance(told, list):
        return [approximately(value) for value in told]
    return pytest.approx(told, abs=1e-9) if isinstance(told, float) else told


def test_scoring_the_rows_of_an_account_gives_the_same_as_its_id(
    published: PublishedScores, published_features: Callable[[Path, str], dict[str, Any]]
) -> None:
    rows = [published_features(published.folder, "A-00042")]
    by_id = published.score(ScoreRequest(account_ids=["A-00042"]))
    by_row = published.score(ScoreRequest(rows=rows))
    assert msgspec.to_builtins(by_row) | {"unknown": []} == approximately(msgspec.to_builtins(by_id))
    rows[0]["failed_payments_30"] = 0.0
    better = published.score(ScoreRequest(rows=rows)).results[0]
    assert (better.probability["90"] or 0) < (by_id.results[0].probability["90"] or 0)


def test_a_row_without_an_id_is_answered_without_one_and_as_of_its_own_day(
    published: PublishedScores, published_features: Callable[[Path, str], dict[str, Any]]
) -> None:
    row = {**published_features(published.folder, "zero"), "account_id": None}
    answer = published.score(ScoreRequest(rows=[row], as_of=date(2024, 7, 1)))
    assert answer.as_of == date(2024, 7, 1)
    assert answer.results[0].account_id is None


def test_unknown_values_are_scored_as_unknown(published: PublishedScores) -> None:
    row = dict.fromkeys(column.name for column in published.bundle.columns)
    answer = published.score(ScoreRequest(rows=[row]))
    assert 0 < (answer.results[0].probability["90"] or 0) < 1


def test_rows_that_do_not_fit_are_refused_by_name(published: PublishedScores) -> None:
    with pytest.raises(RequestError, match=r"Unknown feature 'eror_rate_30'. Did you mean 'error_rate_30'\?"):
        published.score(ScoreRequest(rows=[{"eror_rate_30": 0.1}]))
    with pytest.raises(RequestError, match=r"Missing features: error_rate_30, .* and 5 more. Send null"):
        published.score(ScoreRequest(rows=[{}]))
