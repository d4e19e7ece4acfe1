"""What a request may hold: a query or a body that cannot be read is refused, with the field and what was expected."""

from __future__ import annotations

from typing import Any

import pytest

from tests.serving.api.problem import problem
from tests.serving.client import Client
from undertow.serving.published.requests import MAX_ROWS

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("lmit=5", "Unknown query parameter 'lmit'. Did you mean 'limit'?"),
        ("limit=0", "limit: expected a whole number from 1 to 1,000; got '0'"),
        ("limit=1001", "limit: expected a whole number from 1 to 1,000; got '1001'"),
        ("limit=ten", "limit: expected a whole number from 1 to 1,000; got 'ten'"),
        ("offset=-1", "offset: expected a whole number from 0 to 1,000,000,000"),
        ("offset=1000000001", "offset: expected a whole number from 0 to 1,000,000,000"),
        ("offset=99999999999999999999", "offset: expected a whole number from 0 to 1,000,000,000"),
        ("min_value=much", "min_value: expected an amount of money, such as 500; got 'much'"),
        ("min_value=nan", "min_value: expected an amount of money, such as 500"),
        ("min_value=null", "min_value: expected an amount of money, such as 500"),
        ("cause=maybe", "cause: expected voluntary or involuntary"),
        ("cause=null", "cause: expected voluntary or involuntary"),
        ("format=xml", "format: expected json or csv or ndjson or xlsx or parquet or ics"),
        ("sort=price", "sort: expected contact_value or value_at_risk or clv or probability or mrr or renews_at or "
                       "name or moved; got 'price'"),
        ("contact=yes", "contact: expected recommended or over_budget or does_not_pay; got 'yes'"),
        ("notice=true", "notice: expected yes or no; got 'true'"),
        ("family=weather", "family: expected ux or cx or usage or billing; got 'weather'"),
        ("renews_within=-1", "renews_within: expected a number of days from 0 to 3,660; got '-1'"),
        ("renews_from=soon", "renews_from: expected a day such as 2025-03-31; got 'soon'"),
        ("renews_from=2025-03-02&renews_to=2025-03-01", "renews_from 2025-03-02 is after renews_to 2025-03-01. Swap"),
        ("search=" + "x" * 101, "search: expected at most 100 characters"),
        ("&".join(["owner=a"] * 51), "owner: expected at most 50 of them; got 51 of them"),
        ("limit=1&limit=2", "'limit' was given more than once"),
    ],
)
def test_a_query_that_cannot_be_read_is_refused_in_words(client: Client, query: str, said: str) -> None:
    assert said in problem(client.get(f"/v1/at-risk?{query}"), 422)["detail"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"rows": [', id="cut off"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b'{"account_ids": ["\xff"]}', id="no utf-8"),
        pytest.param(b'{"rows": [{"a": NaN}]}', id="NaN"),
        pytest.param(b'{"rows": [{"a": -Infinity}]}', id="Infinity"),
        pytest.param(b'{"rows": [{"a": ' + b"[" * 100_000, id="deep"),
        pytest.param(b'{"account_ids": ["a"]} trailing', id="trailing"),
    ],
)
def test_a_body_that_is_not_json_is_malformed(client: Client, body: bytes) -> None:
    assert "not valid JSON" in problem(client.post("/v1/score", content=body, headers=JSON), 400)["detail"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("null", "Expected object, got null"),
        ("[]", "Expected object, got array"),
        ("{}", "Send exactly one of account_ids, rows, or columns with data"),
        ('{"account_ids": ["a"], "rows": [{}]}', "Send exactly one"),
        ('{"account_ids": []}', "account_ids is empty. Send 1 to 1,000"),
        ('{"rows": []}', "rows is empty"),
        ('{"acount_ids": ["a"]}', "Unknown field 'acount_ids'. Did you mean 'account_ids'?"),
        ('{"account_ids": [1]}', "account_ids[0]: expected str, got int"),
        ('{"account_ids": ["zero"], "as_of": "2025-01-31"}', "as_of goes with rows"),
        ('{"rows": [{}], "as_of": "soon"}', "as_of: invalid RFC3339"),
        ('{"rows": [{}], "as_of": "0001-01-01"}', "as_of must lie between"),
        ('{"rows": [1]}', "rows[0]: expected object, got int"),
        ('{"rows": [{"mrr": 1e999}]}', "number out of range"),
    ],
)
def test_a_request_of_the_wrong_shape_is_refused_in_words(client: Client, body: str, said: str) -> None:
    told = problem(client.post("/v1/score", content=body, headers=JSON), 422)
    assert said.lower() in told["detail"].lower()


@pytest.mark.parametrize(
    "value", [True, "1.5", [1], {"a": 1}, 10**400], ids=["true", "text", "array", "object", "huge"]
)
def test_only_finite_numbers_and_null_are_numbers(client: Client, feature_row: dict[str, Any], value: object) -> None:
    answer = client.post("/v1/score", json={"rows": [feature_row | {"mrr": value}]})
    assert "mrr: expected a finite number or null" in problem(answer, 422)["detail"]


def test_only_texts_and_null_are_texts(client: Client, feature_row: dict[str, Any]) -> None:
    answer = client.post("/v1/score", json={"rows": [feature_row | {"segment": 3}]})
    assert "rows[0]: segment: expected a text or null." in problem(answer, 422)["detail"]


def test_a_flood_of_faults_gives_ten_and_a_small_answer(client: Client) -> None:
    rows = [{f"nonsense_{i}" * 9: "secret-value" for i in range(20)} for _ in range(MAX_ROWS)]
    answer = client.post("/v1/score", json={"rows": rows})
    assert len(problem(answer, 422)["errors"]) == 10
    assert len(answer.content) < 5000 and b"secret-value" not in answer.content


def test_over_a_thousand_rows_are_refused(client: Client) -> None:
    told = problem(client.post("/v1/score", json={"account_ids": ["zero"] * (MAX_ROWS + 1)}), 422)
    assert "account_ids holds 1,001; at most 1,000" in told["detail"]
