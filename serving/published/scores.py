"""The published scores: one immutable run in memory."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from undertow.features.errors import (
    ListReplaced,
    ModelRefusal,
    UndertowError,
    UnknownAccount,
    Unreadable,
)
from undertow.serving.formatting import short
from undertow.serving.published.answers import (
    Account,
    AtRiskAnswer,
    ScoreAnswer,
    Scored,
    as_accounts,
    as_scored,
    finite,
    scored,
)
from undertow.serving.published.decision.parts import ListPart, parts_of
from undertow.serving.published.encoded import EncodedAccounts, KeptAnswers, Prepared
from undertow.serving.published.list_query import AtRiskQuery
from undertow.serving.published.requests import ScoreRequest, check_rows, rows_of, trimmed
from undertow.serving.published.run_files import (
    ADDED,
    AGAIN,
    BUNDLE,
    DESCRIBED,
    DRIVERS,
    DRIVERS_BY_MONTH,
    FEATURES,
    JOURNEYS,
    MODEL,
    SCORES,
    read_json,
    read_table,
    verified_manifest,
)
from undertow.serving.published.selection import Beside, ListColumns, Selection, known_sum

if TYPE_CHECKING:
    from undertow.training.bundle.bundle import Bundle

REFUSED_SOMEWHERE = "Some rows of the data, of these or of other accounts, were refused when they were read."
SAME = 1e-6  # largest difference between a published probability and the same row scored live


@dataclass(frozen=True)
class PublishedScores:
    """One published scoring run. `table`: one row per account, in the order of the list.

    `journeys`, `personas`, `drivers_by_month`: where the list was published by a release without them, they say so.
    `owner`: whose accounts alone these are; None: all accounts. `answers`: lists and pages that were made of the run.
    `by_owner`: the parts of it that were asked for.
    """

    folder: Path
    manifest: dict[str, Any]
    drivers: dict[str, Any]
    described: dict[str, Any]
    model: dict[str, Any]
    table: pa.Table
    position: dict[str, int]
    journeys: dict[str, Any] = field(default_factory=dict)
    personas: dict[str, Any] = field(default_factory=dict)
    drivers_by_month: dict[str, Any] = field(default_factory=dict)
    owner: str | None = None
    answers: KeptAnswers = field(default_factory=KeptAnswers)
    by_owner: dict[str, PublishedScores] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path) -> PublishedScores:
        """Verify a run's folder and read it into memory; its model is read on first use.

        Raises Unreadable where the run is not as it was written.
        """
        try:
            manifest = verified_manifest(folder)
            drivers, described, model = (finite(read_json(folder, name)) for name in (DRIVERS, DESCRIBED, MODEL))
            journeys, personas, months = (_if_published(folder, name, manifest) for name in ADDED)
            table = read_table(folder, SCORES)
            position = _position(table)
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            raise Unreadable(f"It cannot be read ({type(error).__name__}). {AGAIN}") from error
        return cls(folder, manifest, drivers, described, model, table, position, journeys, personas, months)

    def prove(self) -> None:
        """Answer one account and score its features. Raises Unreadable where that fails, or gives another score."""
        try:
            row = finite(read_table(self.folder, FEATURES).slice(0, 1).to_pylist()[0])
            published = self.account(row["account_id"])
            sent = {name: value for name, value in row.items() if name != "as_of"}
            live = self.score(ScoreRequest(rows=[sent])).results[0]
        except Unreadable:
            raise
        except (UndertowError, OSError, LookupError, TypeError, ValueError, pa.ArrowException) as error:
            raise Unreadable(f"Its first account cannot be scored ({type(error).__name__}). {AGAIN}") from error
        horizon = str(self.manifest["headline"])
        if abs((live.probability[horizon] or 0.0) - (published.probability[horizon] or 0.0)) > SAME:
            raise Unreadable(f"Its model gives its first account another score than was published. {AGAIN}")

    @cached_property
    def bundle(self) -> Bundle:
        """The model of these scores; imported on first use, since LightGBM imports slowly and lists do not need it.

        Raises Unreadable where it is missing, or was written by another release.
        """
        from undertow.training.bundle.bundle import Bundle

        try:
            return Bundle.load(self.folder / BUNDLE)
        except (ModelRefusal, OSError, ValueError, LookupError, TypeError) as error:
            why = "is of another release" if isinstance(error, ModelRefusal) else "cannot be read"
            raise Unreadable(f"Its model {why}. {AGAIN}") from error

    @cached_property
    def encoded(self) -> EncodedAccounts:
        """The accounts as JSON."""
        return EncodedAccounts(self.table, self.manifest)

    def of_owner(self, owner: str) -> PublishedScores:
        """Return the accounts of one owner as if no others had been scored, without statements on all accounts.

        There are none where the owner has none. They are found once; their answers are kept beside those of all.
        """
        found = self.by_owner.get(owner)
        if found is None:
            table = self.table.filter(pc.equal(self.table["owner"], owner))
            manifest = self.manifest | {"accounts": table.num_rows, "of_all": False, "sources": {}}
            if manifest.get("warnings"):
                manifest["warnings"] = [REFUSED_SOMEWHERE]
            found = replace(
                self, manifest=manifest, drivers={}, journeys={}, personas={}, drivers_by_month={}, table=table,
                position=_position(table), owner=owner, by_owner={},
            )  # fmt: skip
            self.by_owner[owner] = found
        return found

    def kept(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """Return the answer that is kept for a key and these accounts, or make it."""
        return self.answers.get((self.owner, key), make)

    @cached_property
    def tag(self) -> str:
        """A text that names what is answered of this publication: another list, release or owner has another."""
        return sha256(msgspec.json.encode([self.manifest, self.owner, version("undertow")])).hexdigest()[:16]

    @cached_property
    def total_value_at_risk(self) -> float:
        """The value at risk of all accounts, money over the published months."""
        return known_sum(self.table["value_at_risk"])

    def select(self, query: AtRiskQuery) -> Selection:
        """Return the part of the list that a query selects. Raises RequestError, see `ListColumns.select`."""
        return self.columns.select(query)

    def beside(self, query: AtRiskQuery, account_id: str) -> Beside | None:
        """Return where an account stands in what a query selects; None where it is not among it, or not on the list."""
        row = self.position.get(account_id)
        return None if row is None else self.columns.beside(query, row)

    @cached_property
    def parts(self) -> tuple[ListPart, ...]:
        """The parts of the list, with the contacts of each; none in a list published before contacts were valued."""
        return parts_of(self.table)

    def choices(self, column: str) -> list[str]:
        """Return the texts that occur in "segment", "owner" or "country", sorted."""
        return self.columns.choices(column)

    @cached_property
    def columns(self) -> ListColumns:
        """The columns that queries of the list filter and order by."""
        return ListColumns(self.table, self.manifest["headline"], self._day())

    def account(self, account_id: str) -> Account:
        """Return one account, or raise UnknownAccount."""
        return as_accounts(self.table.slice(self._row(account_id), 1), self.manifest)[0]

    def account_json(self, account_id: str) -> bytes:
        """Return one account as JSON, or raise UnknownAccount."""
        return bytes(self.encoded.accounts([self._row(account_id)])[0])

    def list_json(self, query: AtRiskQuery) -> Prepared:
        """Return the page of the list that a query selects as JSON (`AtRiskAnswer`), with a link to the next one."""
        selection = self.select(query)
        following = query.following(selection.total, self.manifest["run_id"])
        ids = selection.rows["account_id"].to_pylist()
        manifest = self.manifest
        body = msgspec.json.encode(
            AtRiskAnswer(
                run_id=manifest["run_id"],
                model_version=manifest["model_version"],
                as_of=manifest["as_of"],
                headline=manifest["headline"],
                currency=manifest["currency"],
                total=selection.total,
                value_at_risk=selection.value_at_risk,
                limit=query.page_size,
                offset=query.offset,
                next=following,
                accounts=cast(list[Account], self.encoded.accounts([self.position[each] for each in ids])),
            )
        )
        return Prepared(body, {} if following is None else {"Link": f'<{following}>; rel="next"'})

    def check_run(self, run: str | None) -> None:
        """Raise ListReplaced where a page is asked of another run than this one; None: of any."""
        mine = self.manifest["run_id"]
        if run is not None and run != mine:
            raise ListReplaced(
                f"The list '{short(run)}' is no longer answered from, now '{mine}' is. Start again at the first page, "
                "without run."
            )

    def _row(self, account_id: str) -> int:
        position = self.position.get(trimmed(account_id))
        if position is None:
            raise self.unknown(account_id)
        return position

    def score(self, request: ScoreRequest) -> ScoreAnswer:
        """Return the published scores of account ids, or score feature rows live.

        An unknown id is listed as such beside the results. Raises UnknownAccount where none of the ids is known.
        """
        if request.account_ids is not None:
            rows, unknown = self._rows(request.account_ids)
            accounts = as_accounts(self.table.take(pa.array(rows)), self.manifest)
            return self._as_published([as_scored(account, request.explain) for account in accounts], unknown)
        return self.answer(request, self.score_rows(self.feature_rows(request), request.explain))

    def feature_rows(self, request: ScoreRequest) -> pa.Table:
        """Return the rows of a request as the table the model reads, with account_id. Raises RequestError."""
        sent = rows_of(request)
        numbers, texts = self.bundle.names_of_numbers, self.bundle.names_of_texts
        check_rows(sent, numbers, texts, self.bundle.needed if request.missing == "refuse" else ())
        moment = datetime.combine(request.as_of or self._day(), time())
        known, n = np.array([[*map(row.get, numbers)] for row in sent], dtype=float), len(sent)
        one_after_the_other = pa.array(known.ravel(order="F"))  # an array per column would take most of a row's time
        columns = {"as_of": pa.array([moment] * n, pa.timestamp("us"))}
        columns |= {name: one_after_the_other.slice(n * place, n) for place, name in enumerate(numbers)}
        columns |= {name: pa.array([row.get(name) for row in sent], pa.string()) for name in (*texts, "account_id")}
        return pa.table(columns)

    def score_rows(self, rows: pa.Table, explain: bool = True) -> list[Scored]:
        """Return the live scores of `feature_rows`, or of a part of them; `explain`: with what they are made of."""
        scores, names = self.bundle.score(rows, explain), rows["account_id"].to_pylist()
        return [scored(scores, row, name, self.bundle, self.manifest, explain) for row, name in enumerate(names)]

    def answer(self, request: ScoreRequest, results: list[Scored]) -> ScoreAnswer:
        """Return the answer to a request with rows."""
        answer = ScoreAnswer(self.manifest["model_version"], request.as_of or self._day(), results)
        if request.missing == "null":
            needed = set(self.bundle.needed)
            answer.missing = [len(needed - row.keys()) for row in rows_of(request)]
        return answer

    def scored_json(self, account_ids: list[str], explain: bool = True) -> bytes:
        """Return the published scores of accounts as JSON (`ScoreAnswer`), or raise UnknownAccount if none is known."""
        rows, unknown = self._rows(account_ids)
        return msgspec.json.encode(self._as_published(self.encoded.scored(rows, explain), unknown))

    def _rows(self, account_ids: list[str]) -> tuple[list[int], list[str]]:
        """Return the rows of the known ids, and the unknown ids."""
        sought = [trimmed(account_id) for account_id in account_ids]
        unknown = list(dict.fromkeys(each for each in sought if each not in self.position))
        known = [self.position[each] for each in sought if each in self.position]
        if not known:
            raise self.unknown(*unknown)
        return known, unknown

    def _as_published(self, results: list[Any], unknown: list[str]) -> ScoreAnswer:
        return ScoreAnswer(self.manifest["model_version"], self._day(), results, unknown)

    def _day(self) -> date:
        return datetime.fromisoformat(self.manifest["as_of"]).date()

    def unknown(self, first: str, *others: str) -> UnknownAccount:
        """Return the refusal of an account id, or of several none of which is known."""
        scored_as_of = f"among those scored as of {self.manifest['as_of']}"
        if others:
            return UnknownAccount(
                f"None of the {1 + len(others):,} account ids is {scored_as_of}; the first is '{short(first)}'."
            )
        return UnknownAccount(f"No account '{short(first)}' {scored_as_of}.")


def _if_published(folder: Path, name: str, manifest: dict[str, Any]) -> dict[str, Any]:
    """Return what one of ADDED holds; of a list without it, the same fields with nothing in them, and why."""
    if name in manifest["files"]:
        return dict(finite(read_json(folder, name)))
    what = name.removesuffix(".json").replace("_", " ")
    nothing = {
        "as_of": manifest["as_of"],
        "horizon": manifest["headline"],
        "grade": "associated",
        "note": "",
        "why_not": f"this list was published before there was {what}; run `undertow score`",
    }
    if name == DRIVERS_BY_MONTH:
        lists = ("statements", "months", "first_months", "groups", "ways", "measures")
        empty: dict[str, Any] = {key: [] for key in lists}
        metrics = {"cards": [], "lines": [], "left_out": {}, "why_not": nothing["why_not"]}
        return nothing | empty | {"read_as": "", "since_means": "", "metrics": metrics}
    nothing |= {"observed_as_ofs": [], "accounts": manifest["accounts"]}
    if name == JOURNEYS:
        return nothing | {"touchpoints": []}
    return nothing | {"measures": [], "stable_from": None, "tried": [], "personas": [], "churn_why_not": None}


def _position(table: pa.Table) -> dict[str, int]:
    """Return the row of each account."""
    return {account_id: row for row, account_id in enumerate(table["account_id"].to_pylist())}
