"""The manifest of a connector: which exports of a vendor it recognises, and what each table is made of.

    vendors/<name>/connector.toml       manifest
    vendors/<name>/<form>/*.sql         SELECTs, copied into the project; {key} is replaced by the answer to a question
    vendors/<name>/*.sql                SELECTs that several forms share

A vendor's data come in several forms (archives, objects of the API, a warehouse); forms are never mixed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from undertow.features.errors import SettingsError, did_you_mean
from undertow.features.settings.frozen import Frozen

VENDORS = Path(__file__).parents[1] / "vendors"
MANIFEST = "connector.toml"
Grade = Literal["exact", "partial", "present_only"]


class Form(Frozen):
    """One form of a vendor's export. `export`: how to get it, in one sentence or two."""

    name: str
    title: str
    export: str


class FileKind(Frozen):
    """One kind of file of a form, which becomes the entry `name` of [files].

    `has`: columns that must be there, by which the kind is known; `lacks`: columns that must not; `where`: column ->
    the value of its first rows. `columns`: of JSON files, see `SourceFiles`; `optional`: columns that may be absent.
    `required`: without it, the form cannot be used. `each`: every file has its own entry, <name>_<file>.
    """

    form: str
    name: str
    about: str
    has: tuple[str, ...]
    lacks: tuple[str, ...] = ()
    where: dict[str, str] = {}
    columns: dict[str, str] = {}
    optional: tuple[str, ...] = ()
    required: bool = True
    each: bool = False


class Part(Frozen):
    """A SELECT that only other SELECTs use. `needs`: files without which it is left out; the first of a name is used.

    `kind`: an entry `name` of [views], after those that it uses, or a part of the shared views: "keys" (account_id,
    kind, key: ids and web domains of accounts; "last keys" where no connector has keys), "people" (user_id,
    account_id, email), "claims" (source, entity, key, user_id, email: who wants an account). `repeat`: a kind of file;
    the SELECT is repeated for each of its entries, {file}, and the results are united.
    """

    form: str
    name: str
    sql: str
    kind: Literal["view", "keys", "last keys", "people", "claims"] = "view"
    needs: tuple[str, ...] = ()
    repeat: str = ""


class Yield(Frozen):
    """One table made of a form's files. `but`: what of it is lost. `known`: what says when a row became known.

    `needs`: files without which it is left out; of several for one table, the first that can be is used.
    """

    form: str
    table: str
    sql: str
    grade: Grade
    known: str
    but: str = ""
    needs: tuple[str, ...] = ()


class Question(Frozen):
    """A question that only the user can answer. `guess`: SQL over the files; its first value is the proposed answer.

    `default`: the proposed answer where there is no guess. `repeat`: a kind of file; an answer for each of its entries,
    {file}, is asked at once.
    """

    form: str
    key: str
    question: str
    guess: str = ""
    default: str = ""
    needs: tuple[str, ...] = ()
    repeat: str = ""


class EventNames(Frozen):
    """Where the names of a form's own events are: a SELECT of `event` and `rows`, for event_kinds.csv."""

    form: str
    sql: str


class Connector(Frozen):
    """The parsed connector.toml of one vendor."""

    name: str
    title: str
    about: str
    form: tuple[Form, ...]
    file: tuple[FileKind, ...]
    part: tuple[Part, ...] = ()
    table: tuple[Yield, ...]
    ask: tuple[Question, ...] = ()
    event_names: tuple[EventNames, ...] = ()
    rule: tuple[str, ...] = ()  # units and exceptions, in sentences, for the documentation
    defaults: dict[str, dict[str, object]] = {}  # section -> settings that its exports need

    def files_of(self, form: str) -> list[FileKind]:
        """Return the kinds of files of a form."""
        return [kind for kind in self.file if kind.form == form]

    def sql(self, path: str) -> str:
        """Return the text of a SELECT, by its path below the vendor's folder."""
        return (VENDORS / self.name / path).read_text(encoding="utf-8").strip()


@cache
def load_connectors() -> dict[str, Connector]:
    """Return name -> connector of every vendor, sorted."""
    paths = sorted(VENDORS.glob(f"*/{MANIFEST}"))
    return {path.parent.name: _load(path) for path in paths}


def _load(path: Path) -> Connector:
    return Connector.model_validate({"name": path.parent.name, **tomllib.loads(path.read_text(encoding="utf-8"))})


def chosen_connectors(names: Sequence[str] = (), others: Sequence[str] = ()) -> list[Connector]:
    """Return the connectors of these names, or all where none is named, in one order however they are named.

    Raises SettingsError for an unknown one; `others`: what it may be named too.
    """
    known = load_connectors()
    for name in names:
        if name not in known:
            every = sorted([*known, *others])
            raise SettingsError(f"Unknown connector '{name}'; known: {', '.join(every)}.{did_you_mean(name, every)}")
    return [connector for name, connector in known.items() if name in names or not names]
