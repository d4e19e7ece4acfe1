"""The whole list can be had: page by page as JSON, or streamed as CSV and JSON lines; two lists never mix."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.serving.api.problem import problem
from tests.serving.client import Client
from tests.serving.published_by_hand import People
from undertow.features.publishing.versions import publish
from undertow.serving.api.app import make_app
from undertow.serving.published.answers import Account
from undertow.serving.published.exports.pieces import PIECE, in_pieces
from undertow.serving.published.list_query import AtRiskQuery
from undertow.serving.published.reader import ScoresReader
from undertow.serving.published.run_files import DESCRIBED, DRIVERS, FEATURES, MODEL, read_table, write_run
from undertow.training.bundle.bundle import Bundle

MANY = 1_101


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, store: Path, bundle: Bundle) -> Path:
    """A store with more accounts than one page holds: the tiny ones, again and again."""
    one, folder = ScoresReader(store).latest(), tmp_path_factory.mktemp("many")
    ids = pa.array([f"{number:04}" for number in range(MANY)])
    scores, features = (
        pa.concat_tables([table] * (MANY // 6 + 1)).slice(0, MANY).set_column(0, "account_id", ids)
        for table in (one.table, read_table(one.folder, FEATURES))
    )
    said = {DRIVERS: one.drivers, DESCRIBED: one.described, MODEL: one.model}
    order = pc.sort_indices(scores, [("value_at_risk", "descending"), ("account_id", "ascending")])

    def write(run: Path) -> None:
        write_run(run, scores.take(order), features, said, {**one.manifest, "accounts": MANY}, bundle)

    publish(folder / "scores", "run-1", write)
    return folder


def pages(client: Client, url: str) -> list[dict[str, Any]]:
    """Follow `next` from a first page to the last, as its Link header says too."""
    found = []
    at: httpx.URL | None = httpx.URL("http://test/").join(url)
    while at is not None:
        answer = client.get(str(at))
        found.append(answer.json())
        following = found[-1]["next"]
        assert answer.links.get("next", {}).get("url") == following
        at = None if following is None else at.join(following)
    return found


@pytest.mark.parametrize(("limit", "number"), [(1000, 2), (551, 2), (550, 3)])
def test_all_accounts_are_found_page_by_page(many: Path, limit: int, number: int) -> None:
    found = pages(Client(make_app(many)), f"/v1/at-risk?limit={limit}")
    assert len(found) == number and {each["total"] for each in found} == {MANY}
    ids = [account["account_id"] for page in found for account in page["accounts"]]
    assert ids == ScoresReader(many).latest().table["account_id"].to_pylist()


def test_pages_keep_their_filters(client: Client) -> None:
    found = pages(client, "/v1/at-risk?limit=1&owner=Mara+Lindqvist&segment=business&min_value=-1e9")
    assert len(found) == 2 and found[0]["next"].startswith("at-risk?limit=1&offset=1&segment=business&owner=Mara+Lind")
    assert {each["accounts"][0]["owner"] for each in found} == {"Mara Lindqvist"}


def test_pages_stay_below_the_prefix_of_a_proxy(client: Client) -> None:
    following = client.get("/v1/at-risk?limit=1").json()["next"]
    url = httpx.URL("https://host/undertow/v1/at-risk?limit=1").join(following)
    assert str(url) == "https://host/undertow/v1/at-risk?limit=1&offset=1&run=run-1"


def test_a_page_behind_the_last_is_empty(client: Client) -> None:
    told = client.get("/v1/at-risk?offset=1000000000").json()
    assert (told["accounts"], told["next"], told["total"]) == ([], None, 6)
    problem(client.get("/v1/at-risk?offset=1000000001"), 422)


def test_after_a_new_publication_the_next_page_of_the_old_list_is_refused(
    tmp_path: Path, publish_scores: Callable[..., Path], people: People
) -> None:
    client = Client(make_app(tmp_path))
    publish_scores(tmp_path, "run-1", people[:4])
    following = client.get("/v1/at-risk?limit=2").json()["next"]
    publish_scores(tmp_path, "run-2")

    async def asked() -> httpx.Response:
        url = httpx.URL("http://test/v1/at-risk").join(following)
        while (answer := await client.send("GET", str(url))).status_code == 200:
            assert answer.headers["undertow-list"] == answer.json()["run_id"] == "run-1"
            await asyncio.sleep(0.01)
        return answer

    told = problem(asyncio.run(asked()), 409)
    assert told["type"] == "urn:undertow:list-replaced"
    assert told["detail"].startswith("The list 'run-1' is no longer answered from, now 'run-2' is. Start again")
    assert client.get("/v1/at-risk?limit=2&run=run-2").json()["total"] == 6


def test_a_page_of_a_list_that_another_process_read_first_is_awaited(
    tmp_path: Path, publish_scores: Callable[..., Path], people: People
) -> None:
    behind = Client(make_app(tmp_path))
    publish_scores(tmp_path, "run-1", people[:4])
    behind.get("/v1/at-risk")
    publish_scores(tmp_path, "run-2")
    answer = behind.get("/v1/at-risk?limit=2&offset=2&run=run-2")
    assert answer.json()["run_id"] == answer.headers["undertow-list"] == "run-2"


@pytest.mark.parametrize("run", ["nobody", "../run-1", "", "x" * 500])
def test_a_run_that_never_was_is_refused_and_an_empty_one_is_not_given(client: Client, run: str) -> None:
    answer = client.get("/v1/at-risk", params={"run": run})
    assert answer.status_code == (409 if run else 200) and len(answer.content) < 100_000


def test_csv_holds_the_whole_list(many: Path) -> None:
    answer = Client(make_app(many)).get("/v1/at-risk?format=csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["account_id"] for row in rows] == ScoresReader(many).latest().table["account_id"].to_pylist()
    assert answer.content.count(b"\xef\xbb\xbf") == 1 and answer.content.count(b"account_id") == 1


def test_csv_and_json_lines_hold_a_part_where_one_is_asked_for(many: Path) -> None:
    client = Client(make_app(many))
    for form, more in (("csv", 1), ("ndjson", 0)):
        part = client.get(f"/v1/at-risk?format={form}&limit=3&offset=1")
        assert len(part.content.splitlines()) == 3 + more
        filtered = client.get(f"/v1/at-risk?format={form}&owner=@owner")
        assert len(filtered.content.splitlines()) == MANY // 6 + more


def test_json_lines_are_the_accounts_of_the_pages(many: Path) -> None:
    client = Client(make_app(many))
    answer = client.get("/v1/at-risk?format=ndjson")
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = answer.content.splitlines()
    assert len(lines) == MANY and msgspec.json.decode(lines[0], type=Account)
    first = client.get("/v1/at-risk?limit=1000").json()["accounts"]
    assert [msgspec.json.decode(line) for line in lines[:1000]] == first


def test_no_piece_holds_more_than_some_accounts(many: Path) -> None:
    published = ScoresReader(many).latest()
    for query in (AtRiskQuery(format="csv"), AtRiskQuery(format="ndjson")):
        pieces = list(in_pieces(published.table, published.manifest, query, "http://test/"))
        assert len(pieces) == -(-MANY // PIECE) and max(map(len, pieces)) < 2_000_000


def test_others_are_answered_while_a_whole_list_is_sent(many: Path) -> None:
    client = Client(make_app(many))

    async def asked() -> int:
        await client.send("GET", "/readyz")
        whole, answered = asyncio.create_task(client.send("GET", "/v1/at-risk?format=ndjson")), 0
        while not whole.done():
            assert (await client.send("GET", "/v1/accounts/0007")).status_code == 200
            await asyncio.sleep(0)  # an answer that lies ready comes without a pause
            answered += 1
        return answered

    assert asyncio.run(asked()) > -(-MANY // PIECE)


def test_the_page_links_to_the_whole_list(client: Client) -> None:
    assert 'href="./v1/at-risk?format=csv&amp;columns=titles"' in client.get("/").text
    html = client.get("/?segment=startup&limit=1&format=ndjson").text
    for more in ("", "&amp;locale=de", "&amp;locale=fr", "&amp;locale=sv"):
        assert f'v1/at-risk?segment=startup&amp;format=csv&amp;columns=titles{more}"' in html
