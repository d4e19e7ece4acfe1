"""HTTP: what is asked, what is answered, and the one shape of every error."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.serving.api.problem import problem
from tests.serving.client import Client
from undertow.serving.published.answers import AtRiskAnswer, ScoreAnswer
from undertow.serving.published.requests import EXAMPLE_REQUEST

CAPTURED: dict[str, Any] = {"capture_output": True, "text": True, "check": True, "timeout": 60}

# --- answers ---


def test_the_example_request_is_answered(client: Client) -> None:
    answer = client.post("/v1/score", json=EXAMPLE_REQUEST)
    assert answer.status_code == 200
    result = answer.json()["results"][0]
    assert result["account_id"] == EXAMPLE_REQUEST["account_ids"][0]
    contributions = result["contributions"]
    total = result["like_probability"] + sum(contributions["families"].values())
    assert total == pytest.approx(result["probability"]["90"], abs=1e-9)
    assert len(contributions["top_features"]) == 5
    assert result["clv"].keys() == {"months", "value", "low", "high", "currency", "by_horizon"}
    msgspec.json.decode(answer.content, type=ScoreAnswer)


def test_a_published_row_sent_as_json_scores_like_its_account(client: Client, feature_row: dict[str, Any]) -> None:
    by_id = client.post("/v1/score", json={"account_ids": ["A-00042"]}).json()
    by_row = client.post("/v1/score", json={"rows": [feature_row], "as_of": "2025-01-31"}).json()
    assert by_row["results"][0]["probability"] == pytest.approx(by_id["results"][0]["probability"])


def test_the_list_is_paged_filtered_and_typed(client: Client) -> None:
    answer = client.get("/v1/at-risk?limit=1&offset=1&segment=startup")
    told = msgspec.json.decode(answer.content, type=AtRiskAnswer)
    assert (told.limit, told.offset, told.total, len(told.accounts)) == (1, 1, 3, 1)
    assert told.as_of == "2025-01-31" and told.accounts[0].segment == "startup"


def test_an_empty_parameter_means_not_given(client: Client) -> None:
    empty = client.get("/v1/at-risk?segment=&owner=&cause=&min_value=&limit=")
    assert empty.json() == client.get("/v1/at-risk").json()


@pytest.mark.parametrize(
    "written", ["kunde%207%2Fb", "kunde%207/b", "%3Cb%3Ex%3C%2Fb%3E", "%E6%97%A5%E6%9C%AC-1", "zero"]
)
def test_accounts_are_found_by_ids_with_spaces_slashes_and_unicode(client: Client, written: str) -> None:
    answer = client.get(f"/v1/accounts/{written}")
    assert answer.status_code == 200
    assert answer.json()["account_id"] == httpx.URL(f"http://x/{written}").path[1:]


def test_one_unknown_id_costs_its_own_answer_and_not_the_batch(client: Client) -> None:
    answer = client.post("/v1/score", json={"account_ids": ["zero", "nobody", " A-00042 "]})
    assert answer.status_code == 200
    told = answer.json()
    assert [result["account_id"] for result in told["results"]] == ["zero", "A-00042"]
    assert told["unknown"] == ["nobody"]


def test_results_and_unknown_are_both_there_for_ids_and_only_results_for_rows(
    client: Client, feature_row: dict[str, Any]
) -> None:
    assert client.post("/v1/score", json={"account_ids": ["zero"]}).json()["unknown"] == []
    assert "unknown" not in client.post("/v1/score", json={"rows": [feature_row]}).json()


@pytest.mark.parametrize("url", ["/v1/accounts/%20A-00042%20", "/accounts/%20A-00042%20"])
def test_blanks_around_the_id_of_an_account_are_ignored(client: Client, url: str) -> None:
    answer = client.get(url)
    assert answer.status_code == 200 and "Nordwind Logistik GmbH" in answer.text


def test_drivers_are_answered_as_published(client: Client) -> None:
    assert client.get("/v1/drivers").json()["grade"] == "associated"


def test_health_readiness_and_head_are_answered(client: Client) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200
    assert asyncio.run(client.send("HEAD", "/v1/at-risk")).status_code == 200


# --- refusals ---


def test_null_and_an_unseen_text_are_scored(client: Client, feature_row: dict[str, Any]) -> None:
    row = feature_row | {"mrr": None, "segment": "never seen"}
    assert client.post("/v1/score", json={"rows": [row]}).status_code == 200


def test_a_feature_that_is_evidence_alone_may_be_absent(client: Client, feature_row: dict[str, Any]) -> None:
    without = {name: value for name, value in feature_row.items() if name != "crashes_30"}
    assert len(without) == len(feature_row) - 1
    found, whole = (client.post("/v1/score", json={"rows": [row]}).json() for row in (without, feature_row))
    assert found["results"] == whole["results"]


def test_missing_features_are_named_up_to_five(client: Client) -> None:
    told = problem(client.post("/v1/score", json={"rows": [{}]}), 422)
    assert "Missing features: error_rate_30, tickets_open, failed_payments_30" in told["detail"]
    assert "and 5 more. Send null where a value is unknown." in told["detail"]


# --- metrics and load ---


def test_many_at_once_are_each_answered_with_their_own(client: Client) -> None:
    async def crowd() -> list[httpx.Response]:
        ids = ["zero", "A-00042", "A-00007"] * 4
        asked = [client.send("POST", "/v1/score", json={"account_ids": [each]}) for each in ids]
        return await asyncio.gather(*asked)

    ids = [answer.json()["results"][0]["account_id"] for answer in asyncio.run(crowd())]
    assert ids == ["zero", "A-00042", "A-00007"] * 4


def test_a_row_made_of_what_the_features_route_says_is_scored(client: Client) -> None:
    """What an integrator does who knows nothing else: a row of nulls, or of values of the stated types."""
    features = client.get("/v1/features").json()["features"]
    required = [each for each in features if each["required"]]
    values = {"number": 1, "text": None}
    for row in (
        dict.fromkeys(each["name"] for each in required),
        {each["name"]: (each["known_texts"] or [values[each["type"]]])[0] for each in features},
    ):
        assert client.post("/v1/score", json={"rows": [row]}).status_code == 200
    assert features[: len(required)] == required
    assert all(each["sentence"] and each["unit_means"] and each["null_means"] for each in features)
    [text] = [each for each in features if each["type"] == "text"]
    assert set(text["known_texts"]) == {"business", "startup"}


def test_the_model_route_says_which_model_made_the_list(client: Client) -> None:
    told = client.get("/v1/model").json()
    assert told["bundle"] == client.get("/v1/at-risk").json()["model_version"] and told["model_card"]


def test_columns_and_data_are_the_same_rows(client: Client, feature_row: dict[str, Any]) -> None:
    rows = [feature_row, {**feature_row, "account_id": "other", "mrr": 5}]
    by_rows = client.post("/v1/score", json={"rows": rows})
    data = [list(row.values()) for row in rows]
    by_columns = client.post("/v1/score", json={"columns": list(feature_row), "data": data})
    assert by_columns.status_code == 200 and by_columns.json() == by_rows.json()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"columns": ["mrr"]}, "Send exactly one of account_ids, rows, or columns with data."),
        ({"data": [[1]]}, "Send exactly one of account_ids, rows, or columns with data."),
        ({"columns": ["mrr"], "data": [[1]], "rows": [{}]}, "Send exactly one of"),
        ({"columns": ["mrr"], "data": []}, "data is empty. Send 1 to 1,000."),
        ({"columns": ["mrr", "plan"], "data": [[1, "a"], [1]]}, "data[1] has 1 values, columns has 2."),
        ({"columns": ["mrr", "mrr"], "data": [[1, 2]]}, "columns names 'mrr' more than once."),
        ({"columns": ["mrr"], "data": [[1]]}, "Missing features: "),
        ({"rows": [{}], "missing": "zero"}, "missing: expected refuse or null."),
    ],
)
def test_rows_that_are_sent_in_no_form_are_refused(client: Client, sent: dict[str, Any], said: str) -> None:
    assert said in problem(client.post("/v1/score", json=sent), 422)["detail"]


def test_missing_features_are_unknown_by_choice_and_counted(client: Client, feature_row: dict[str, Any]) -> None:
    required = [each["name"] for each in client.get("/v1/features").json()["features"] if each["required"]]
    short_row = {name: value for name, value in feature_row.items() if name not in required[:3]}
    told = client.post("/v1/score", json={"rows": [short_row, feature_row, {}], "missing": "null"}).json()
    assert told["missing"] == [3, 0, len(required)]
    nulls = client.post("/v1/score", json={"rows": [{**feature_row, **dict.fromkeys(required[:3])}]}).json()
    assert told["results"][0] == nulls["results"][0] and "missing" not in nulls


def test_without_explanation_probabilities_and_values_are_the_same(
    client: Client, feature_row: dict[str, Any]
) -> None:
    parts = ("value_at_risk_by", "like_probability", "contributions")
    for sent in ({"account_ids": ["A-00042", "zero"]}, {"rows": [feature_row, {**feature_row, "mrr": 1.0}]}):
        full, plain = (client.post("/v1/score", json={**sent, "explain": each}).json() for each in (True, False))
        for with_parts, without in zip(full["results"], plain["results"], strict=True):
            assert without == {**with_parts, **dict.fromkeys(parts)}
            assert all(with_parts[part] is not None for part in parts)


def test_lists_are_served_without_models_or_engines(store: Path, run_python: Callable[[str], str]) -> None:
    said = run_python(f"""
import sys
from pathlib import Path
import undertow.serving.service
from undertow.serving.api.app import make_app
from undertow.serving import pages
from undertow.serving.published.list_query import AtRiskQuery
from undertow.serving.published.reader import ScoresReader
published = ScoresReader(Path({str(store)!r})).latest()
pages.at_risk(published, AtRiskQuery(), published.select(AtRiskQuery(owner=("Tom Okafor",), min_value=1)))
heavy = ("lightgbm", "sklearn", "mlflow", "duckdb", "pyspark", "undertow.training")
print([name for name in heavy if name in sys.modules])
""")
    assert said.strip() == "[]"


@pytest.fixture
def run_python() -> Callable[[str], str]:
    """Run lines in a fresh interpreter and return what they print."""

    def run(lines: str) -> str:
        root = str(Path(__file__).parents[3])
        command = [sys.executable, "-c", lines]
        done = subprocess.run(command, cwd=root, env={**os.environ, "PYTHONPATH": root}, **CAPTURED)
        return str(done.stdout)

    return run
