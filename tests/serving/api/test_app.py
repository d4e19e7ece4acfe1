"""HTTP: what is asked, what is answered, and the one shape of every error."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest

from undertow.serving.api.app import make_app
from undertow.serving.api.limits import MAX_BODY, MAX_WAITING, Turns
from undertow.serving.published.answers import AtRiskAnswer, ScoreAnswer
from undertow.serving.published.requests import EXAMPLE_REQUEST, MAX_ROWS
from undertow.serving.published.scores import ScoresReader
from undertow.training.bundle.bundle import FORMAT

if TYPE_CHECKING:
    from conftest import Client

CAPTURED: dict[str, Any] = {"capture_output": True, "text": True, "check": True, "timeout": 60}
JSON = {"Content-Type": "application/json"}


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Return the problem in an answer, having checked that it has the one shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail"} <= told.keys() <= {"type", "title", "status", "detail", "errors"}
    assert told["status"] == status and told["type"].startswith("urn:undertow:") and told["detail"]
    return told


# --- answers ---


def test_the_example_request_is_answered(client: Client) -> None:
    answer = client.post("/v1/score", json=EXAMPLE_REQUEST)
    assert answer.status_code == 200
    result = answer.json()["results"][0]
    assert result["account_id"] == EXAMPLE_REQUEST["account_ids"][0]
    contributions = result["contributions"]
    total = result["baseline_probability"] + sum(contributions["families"].values())
    assert total == pytest.approx(result["probability"]["90"], abs=1e-9)
    assert len(contributions["top_features"]) == 5
    assert result["clv"].keys() == {"months", "value", "currency"}
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


def test_the_list_comes_as_csv(client: Client) -> None:
    answer = client.get("/v1/at-risk?format=csv&owner=Tom%20Okafor")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="at-risk-2025-01-31.csv"'
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("account_id,name,") and len(lines) == 3


@pytest.mark.parametrize(
    "written", ["kunde%207%2Fb", "kunde%207/b", "%3Cb%3Ex%3C%2Fb%3E", "%E6%97%A5%E6%9C%AC-1", "zero"]
)
def test_accounts_are_found_by_ids_with_spaces_slashes_and_unicode(client: Client, written: str) -> None:
    answer = client.get(f"/v1/accounts/{written}")
    assert answer.status_code == 200
    assert answer.json()["account_id"] == httpx.URL(f"http://x/{written}").path[1:]


def test_an_answer_is_private_and_not_kept(client: Client) -> None:
    headers = client.get("/v1/at-risk").headers
    assert headers["cache-control"] == "no-store" and headers["x-content-type-options"] == "nosniff"


def test_drivers_are_answered_as_published(client: Client) -> None:
    assert client.get("/v1/drivers").json()["grade"] == "associated"


def test_every_route_of_v1_is_described(client: Client) -> None:
    described = client.get("/openapi.json").json()
    routes = {route.path.replace(":path", "") for route in client.app.routes if route.path.startswith("/v1")}
    assert described["paths"].keys() == routes
    assert described["paths"]["/v1/score"]["post"]["requestBody"]["content"]["application/json"]["example"]
    text = msgspec.json.encode(described).decode()
    for reference in set(re.findall(r'"#/components/schemas/(\w+)"', text)):
        assert reference in described["components"]["schemas"]


def test_health_readiness_and_head_are_answered(client: Client) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200
    assert asyncio.run(client.send("HEAD", "/v1/at-risk")).status_code == 200


# --- refusals ---


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("lmit=5", "Unknown query parameter 'lmit'. Did you mean 'limit'?"),
        ("limit=0", "limit: expected int >= 1"),
        ("limit=1001", "limit: expected int <= 1000"),
        ("limit=ten", "limit: expected int, got str"),
        ("offset=-1", "offset: expected int >= 0"),
        ("min_value=much", "min_value: expected float | null, got str"),
        ("min_value=nan", "min_value must be a finite"),
        ("cause=maybe", "cause: expected voluntary or involuntary"),
        ("format=xml", "format: expected json or csv"),
        ("limit=1&limit=2", "'limit' came more than once"),
    ],
)
def test_a_query_that_cannot_be_read_is_refused_in_words(client: Client, query: str, said: str) -> None:
    assert said in problem(client.get(f"/v1/at-risk?{query}"), 422)["detail"]


@pytest.mark.parametrize("url", ["/v1/drivers?x=1", "/v1/accounts/zero?expand=all"])
def test_parameters_are_refused_where_there_are_none(client: Client, url: str) -> None:
    assert "takes none" in problem(client.get(url), 422)["detail"]


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
        ("{}", "Send exactly one of account_ids or rows"),
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


def test_null_and_an_unseen_text_are_scored(client: Client, feature_row: dict[str, Any]) -> None:
    row = feature_row | {"mrr": None, "segment": "never seen"}
    assert client.post("/v1/score", json={"rows": [row]}).status_code == 200


def test_missing_features_are_named_up_to_five(client: Client) -> None:
    told = problem(client.post("/v1/score", json={"rows": [{}]}), 422)
    assert "Missing features: error_rate_30, tickets_open, failed_payments_30" in told["detail"]
    assert "and 4 more. Send null where a value is unknown." in told["detail"]


def test_a_flood_of_faults_gives_ten_and_a_small_answer(client: Client) -> None:
    rows = [{f"nonsense_{i}" * 9: "secret-value" for i in range(20)} for _ in range(MAX_ROWS)]
    answer = client.post("/v1/score", json={"rows": rows})
    assert len(problem(answer, 422)["errors"]) == 10
    assert len(answer.content) < 5000 and b"secret-value" not in answer.content


def test_over_a_thousand_rows_are_refused(client: Client) -> None:
    told = problem(client.post("/v1/score", json={"account_ids": ["zero"] * (MAX_ROWS + 1)}), 422)
    assert "account_ids holds 1,001; at most 1,000" in told["detail"]


def test_a_body_over_the_limit_is_refused_by_its_announced_length(client: Client) -> None:
    told = problem(client.post("/v1/score", content=b" " * (MAX_BODY + 1), headers=JSON), 413)
    assert "over 5 MB" in told["detail"]


def test_a_body_over_the_limit_is_refused_while_it_streams(client: Client) -> None:
    sent = []

    async def endless() -> Any:
        while len(sent) < 1000:
            sent.append(1)
            yield b" " * 1_000_000

    problem(client.post("/v1/score", content=endless(), headers=JSON), 413)
    assert len(sent) <= 20


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", ""]
)
def test_another_content_type_is_refused(client: Client, kind: str) -> None:
    told = problem(client.post("/v1/score", content=b"{}", headers={"Content-Type": kind}), 415)
    assert "Content-Type: application/json" in told["detail"]


def test_an_unknown_account_is_not_found(client: Client) -> None:
    assert "No account 'nobody'" in problem(client.get("/v1/accounts/nobody"), 404)["detail"]
    assert "No account 'nobody'" in problem(client.post("/v1/score", json={"account_ids": ["nobody"]}), 404)["detail"]


def test_an_unknown_route_and_a_wrong_method_have_the_same_shape(client: Client) -> None:
    assert "Did you mean '/v1/at-risk'?" in problem(client.get("/v1/at_risk"), 404)["detail"]
    wrong = client.get("/v1/score")
    assert "Use POST" in problem(wrong, 405)["detail"] and wrong.headers["allow"] == "POST"


def test_before_publication_every_route_says_what_to_run_and_then_answers(
    tmp_path: Path, publish_scores: Callable[..., Path], make_client: Callable[..., Client]
) -> None:
    client = make_client(make_app(tmp_path))
    for url in ("/v1/at-risk", "/v1/accounts/zero", "/v1/drivers", "/readyz"):
        answer = client.get(url)
        assert "Run `undertow score`" in problem(answer, 503)["detail"] and answer.headers["retry-after"]
    problem(client.post("/v1/score", json=EXAMPLE_REQUEST), 503)
    assert client.get("/healthz").status_code == 200
    publish_scores(tmp_path)
    assert client.get("/v1/at-risk").json()["total"] == 6


def test_the_unforeseen_is_a_500_that_tells_nothing(
    tmp_path: Path,
    publish_scores: Callable[..., Path],
    make_client: Callable[..., Client],
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = publish_scores(tmp_path)
    (folder / "scores.parquet").write_bytes(b"this is no Parquet file")
    with caplog.at_level(logging.INFO):
        answer = make_client(make_app(tmp_path)).post("/v1/score", json={"account_ids": ["A-00042"]})
    told = problem(answer, 500)
    incident = told["detail"].split()[-1].rstrip(".")
    assert f"Incident {incident}" in caplog.text
    assert "Traceback" not in caplog.text and "A-00042" not in caplog.text and "Parquet" not in answer.text


def test_a_model_of_another_format_is_said_to_need_training(
    tmp_path: Path,
    publish_scores: Callable[..., Path],
    make_client: Callable[..., Client],
    feature_row: dict[str, Any],
) -> None:
    written = publish_scores(tmp_path) / "bundle" / "bundle.json"
    written.write_text(written.read_text().replace(f'"format": {FORMAT}', '"format": 0'))
    client = make_client(make_app(tmp_path))
    assert "train again" in problem(client.post("/v1/score", json={"rows": [feature_row]}), 503)["detail"]
    assert client.get("/v1/at-risk").status_code == 200


# --- metrics and load ---


def test_metrics_count_by_route_template_and_never_by_account(store: Path, make_client: Callable[..., Client]) -> None:
    client = make_client(make_app(store))
    for account_id in ("zero", "A-00042", "A-1", "A-2"):
        client.get(f"/v1/accounts/{account_id}")
    client.get("/wp-admin/setup.php")
    asyncio.run(client.send("BREW", "/v1/drivers"))
    text = client.get("/metrics").text
    template = 'route="/v1/accounts/{account_id:path}"'
    assert f'undertow_requests_total{{method="GET",{template},status="200"}} 2.0' in text
    assert f'undertow_requests_total{{method="GET",{template},status="404"}} 2.0' in text
    assert 'method="other",route="/v1/drivers",status="405"' in text
    assert 'undertow_request_seconds_bucket{le="0.05",method="GET"' in text
    assert not any(word in text for word in ("A-00042", "A-1", "wp-admin", "BREW"))


def test_too_many_waiting_requests_are_told_to_come_back() -> None:
    async def crowd() -> list[Any]:
        turns, gate = Turns(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def work() -> str:
            asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(10)
            return "done"

        asked = [asyncio.create_task(turns.run(work)) for _ in range(MAX_WAITING + 3)]
        await asyncio.sleep(0.05)
        gate.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(crowd())
    assert answers.count("done") == MAX_WAITING + 1
    assert [getattr(answer, "status_code", None) for answer in answers[-2:]] == [503, 503]


def test_many_at_once_are_each_answered_with_their_own(client: Client) -> None:
    async def crowd() -> list[httpx.Response]:
        ids = ["zero", "A-00042", "A-00007"] * 4
        asked = [client.send("POST", "/v1/score", json={"account_ids": [each]}) for each in ids]
        return await asyncio.gather(*asked)

    ids = [answer.json()["results"][0]["account_id"] for answer in asyncio.run(crowd())]
    assert ids == ["zero", "A-00042", "A-00007"] * 4


def test_lists_are_served_without_models_or_engines(store: Path, run_python: Callable[[str], str]) -> None:
    said = run_python(f"""
import sys
from pathlib import Path
import undertow.serving.service
from undertow.serving.api.app import make_app
from undertow.serving import pages
from undertow.serving.published.requests import AtRiskQuery
from undertow.serving.published.scores import ScoresReader
published = ScoresReader(Path({str(store)!r})).latest()
pages.at_risk(published, AtRiskQuery(), published.filter(owner="Tom Okafor", min_value=1))
print([name for name in ("lightgbm", "sklearn", "mlflow", "duckdb", "pyspark", "undertow.training") if name in sys.modules])
""")
    assert said.strip() == "[]"


@pytest.fixture
def feature_row(store: Path, published_features: Callable[[Path, str], dict[str, Any]]) -> dict[str, Any]:
    """The features of A-00042 as plain JSON."""
    return published_features(ScoresReader(store).latest().folder, "A-00042")


@pytest.fixture
def run_python() -> Callable[[str], str]:
    """Run lines in a fresh interpreter and return what they print."""

    def run(lines: str) -> str:
        root = str(Path(__file__).parents[3])
        command = [sys.executable, "-c", lines]
        done = subprocess.run(command, cwd=root, env={**os.environ, "PYTHONPATH": root}, **CAPTURED)
        return str(done.stdout)

    return run
