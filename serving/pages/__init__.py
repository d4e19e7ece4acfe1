"""The HTML pages: the at-risk list, one account, the sign-in form, and errors. HTML and CSS, no script.

`root`, in every page: the URL of the list as seen from that page, ending in "/"; all links and forms begin with it.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from msgspec import UNSET

from undertow.serving.formatting import UNKNOWN, adding_up, measured, money, percent, points
from undertow.serving.pages import charts
from undertow.serving.pages.one_account import over_time as one_account
from undertow.serving.pages.one_account.over_time import MODEL, over_time, since_before
from undertow.serving.published.answers import NONE_STANDS_OUT, Account, Moved, Problem, as_accounts
from undertow.serving.published.decision.in_words import VERDICTS, assumed_in_words, contacts_of_query, tabs
from undertow.serving.published.history.account import AccountHistory
from undertow.serving.published.history.moves import has_moved, largest_parts
from undertow.serving.published.list_query import LEAST_MOVED, AtRiskQuery, Order
from undertow.serving.published.requests import EXAMPLE_REQUEST
from undertow.serving.published.scores import PublishedScores
from undertow.serving.published.selection import Beside, Selection

FAMILY_NAMES = {
    "ux": "Experience",
    "cx": "Support",
    "billing": "Billing",
    "usage": "Usage",
}
NAME_GOES_HERE = Markup("<!-- name -->")  # in a kept page, which is the same for several keys; data is escaped
TEAM_GOES_HERE = Markup("<!-- team -->")  # what the team's database adds to a kept page, which `pages.team` lays in
WAY_GOES_HERE = Markup("<!-- way -->")  # in a kept page of an account: the way back to the list that was looked at
STATUS_OF = Markup("<!-- status of {id} -->")  # the same of one account; its id quoted as in a URL
AGE_OF = b"<!-- age of "  # the day follows; in a kept page, which is the same tomorrow
FAVICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' "
    "rx='4' fill='%230f5c66'/%3E%3Cpath d='M2 6q3-3 6 0t6 0M2 11q3-3 6 0t6 0' fill='none' stroke='white' "
    "stroke-width='2'/%3E%3C/svg%3E"
)
CSV_ELSEWHERE = {  # locale -> what its CSV looks like, for those whose Excel does not take a comma as the separator
    "de": "German: 1234,50 and 31.12.2025",
    "fr": "French: 1234,50 and 31/12/2025",
    "sv": "Swedish: 1234,50 and 2025-12-31",
}
NAME = Markup(
    '<form method="post" action="{root}logout" class="who"><span class="soft">{name}{of}</span>'
    '<input type="hidden" name="csrf" value="{csrf}"><button type="submit">Sign out</button></form>'
)
CLOCK, CLOCK_OF_BUYERS = "Contract's clock", "Tenure and season"  # the part of a change that is no reason


def at_risk(
    published: PublishedScores, query: AtRiskQuery, selection: Selection, root: str = "./", notice: str = ""
) -> str:
    """Return the at-risk list as an HTML page; `notice`: text shown above it, empty for none."""
    size = query.page_size
    parts = published.parts
    return render(
        "at_risk.html",
        lists=tabs(parts, query, root),
        everyone=query.link(root, cause=None, notice=None, offset=0),
        contacts=contacts_of_query(parts, query, published.manifest),
        verdicts=VERDICTS,
        root=root,
        notice=notice,
        manifest=published.manifest,
        accounts=as_accounts(selection.rows, published.manifest),
        headline=str(published.manifest["headline"]),
        buys=published.manifest.get("kind") == "inactivity",
        selection=selection,
        everything=published.table.num_rows,
        total_value_at_risk=published.total_value_at_risk,
        query=query,
        view=query.view,
        choices={name: published.choices(name) for name in ("segment", "owner", "country")},
        owner=published.owner,
        since=_since(published),
        within=query.link(""),
        sorted_by={sort: query.link(root, sort=sort, offset=0) for sort in get_args(Order)},
        downloads={
            title: _download(query, root, **form)
            for title, form in (
                ("Excel", {"format": "xlsx"}),
                ("CSV", {"format": "csv", "columns": "titles"}),
                ("renewals as a calendar", {"format": "ics"}),
            )
        },
        csv_elsewhere={
            title: _download(query, root, format="csv", columns="titles", locale=locale)
            for locale, title in CSV_ELSEWHERE.items()
        },
        before=query.link(root, offset=max(query.offset - size, 0)) if query.offset else None,
        after=query.link(root, offset=query.offset + size) if query.offset + size < selection.total else None,
        example=EXAMPLE_REQUEST,
        none_stands_out=NONE_STANDS_OUT,
    )


def _download(query: AtRiskQuery, root: str, **form: str) -> str:
    """Return the URL of a file with all accounts that the list's page selects."""
    return query.link(f"{root}v1/at-risk", limit=UNSET, offset=0, **form)


def _since(published: PublishedScores) -> str:
    """Return the day of the list that this one is compared with, "" where it is the first, or of an earlier release."""
    previous = published.manifest.get("previous")
    return day(previous["as_of"]) if previous and published.columns.compares else ""


def account(
    published: PublishedScores,
    shown: Account,
    root: str = "../",
    notice: str = "",
    history: AccountHistory | None = None,
) -> str:
    """Return one account as a page; `notice`: a text shown above it; `history`: its scores over time."""
    horizon, buys = shown.contributions.horizon, published.manifest.get("kind") == "inactivity"
    labels = ("like tenure and profile" if buys else "same contract position", "this account")
    clock = CLOCK_OF_BUYERS if buys else CLOCK
    steps = charts.steps(shown.like_probability or 0.0, shown.contributions.families, labels)
    since = "" if shown.moved is None else f"list of {day(shown.moved.since)}"
    return render(
        "one_account/account.html",
        root=root,
        notice=notice,
        manifest=published.manifest,
        account=shown,
        horizon=horizon,
        probability=shown.probability[str(horizon)],
        curve=charts.curve(shown.by_cause, start=1.0 if buys else 0.0),
        buys=buys,
        chart=charts,
        steps=steps,
        changes=_changes(shown, clock),
        clock=clock,
        none_stands_out=NONE_STANDS_OUT,
        assumed=assumed_in_words(published.manifest["contact"], shown.currency) if shown.contact else "",
        shown_points={step.label: step.points / 100 for step in steps},
        since_steps=since_before(shown, since, clock),
        new_model=MODEL,
        same_model=(published.manifest.get("previous") or {}).get("model_version") == shown.model_version,
        history=history,
        times=None if history is None else over_time(history, horizon),
        chart_of_time=one_account,
    )


def with_way(html: bytes, root: str, query: AtRiskQuery, beside: Beside | None) -> bytes:
    """Return the page of an account with the way back to what `query` selects, and to the accounts before and after."""
    part = template_part("one_account/way.html", root=root, query=query, within=query.link(""), beside=beside)
    return html.replace(WAY_GOES_HERE.encode(), part.encode(), 1)


def gone(published: PublishedScores, history: AccountHistory, root: str = "../", notice: str = "") -> str:
    """Return the page of an account that has left the list: since when, and its scores over time."""
    last = history.points[-1]
    return render(
        "one_account/gone.html",
        root=root,
        notice=notice,
        manifest=published.manifest,
        history=history,
        last=last,
        horizon=last.horizon,
        buys=published.manifest.get("kind") == "inactivity",
        times=over_time(history, last.horizon),
        chart_of_time=one_account,
    )


def _changes(shown: Account, clock: str) -> tuple[charts.Bar, ...]:
    """Return the bars from the score of 30 days before, over `clock` and the families, to this one."""
    if shown.changed is None:
        return ()
    now = shown.probability[str(shown.contributions.horizon)] or 0.0
    moved = {clock: shown.changed.clock, **shown.changed.families}
    labels = (f"{shown.changed.days} days before", "now")
    return charts.steps(now - sum(share or 0.0 for share in moved.values()), moved, labels)


def problem(shown: Problem, root: str = "./") -> str:
    """Return an error as a page."""
    return render("problem.html", problem=shown, root=root)


def login(root: str, csrf: str, after: str = "", refused: str = "") -> str:
    """Return the sign-in form; `after`: the page to go to then, below the list; `refused`: why it came back."""
    return render("login.html", root=root, csrf=csrf, after=after, refused=refused)


def with_name(html: bytes, name: str, owner: str | None, csrf: str, root: str) -> bytes:
    """Return a page with the name of the key that is signed in, and the button to sign out."""
    shown = NAME.format(name=name, of=f" · accounts of {owner}" if owner is not None else "", root=root, csrf=csrf)
    return html.replace(NAME_GOES_HERE.encode(), shown.encode(), 1)


def age_place(moment: date | str) -> Markup:
    """Return the place in a kept page where it is said how long ago a day is."""
    return Markup(f"{AGE_OF.decode()}{date.fromisoformat(str(moment)[:10])} -->")


def with_ages(html: bytes, today: date) -> bytes:
    """Return a page in which is said how many days ago the days are that ask for it."""
    parts = html.split(AGE_OF)
    for number, part in enumerate(parts[1:], 1):
        days = (today - date.fromisoformat(part[:10].decode())).days
        said = "today" if days == 0 else f"{days:,} {'day' if days == 1 else 'days'} ago" if days > 0 else "ahead"
        parts[number] = f" ({said})".encode() + part[len("2025-01-31 -->") :]
    return b"".join(parts)


def day(moment: date | str | None) -> str:
    """Return a day as text: "31 Jan 2025"."""
    if moment is None:
        return UNKNOWN
    read = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{read.day} {read:%b %Y}"


def quoted(text: str) -> str:
    """Return a text quoted as one segment of a URL."""
    return quote(text, safe="")


def by_cause(shown: Account, horizon: str) -> dict[str, str]:
    """Return the parts of an account's probability by cause as percentages that add up to it as it is printed."""
    return adding_up(shown.probability[horizon], {cause: of[horizon] for cause, of in shown.by_cause.items()})


def status_place(account_id: str) -> Markup:
    """Return the place in a kept page where the status of an account goes."""
    return STATUS_OF.format(id=quoted(account_id))


def family_name(family: str) -> str:
    """Return the display name of a feature family."""
    return FAMILY_NAMES.get(family, family)


def moves(moved: Moved | None) -> str:
    """Return what moved since the list before: "+3.1: Billing +2.5", "new", or "" for nothing to show.

    The largest part is named where it is a percentage point or more.
    """
    if moved is not None and moved.is_new:
        return "new"
    if moved is None or not has_moved(moved):
        return ""
    parts = ""
    if abs(moved.probability or 0.0) >= LEAST_MOVED:  # rows of the list are kept short
        parts = "".join(f"{family_name(name)} {points(part)}" for name, part in largest_parts(moved)[:1])
    return f"{points(moved.probability)}{': ' if parts else ''}{parts}"


def sentence(text: str) -> str:
    """Return a text that begins with a capital letter."""
    return text[:1].upper() + text[1:]


def render(template: str, **context: Any) -> str:
    """Return a page made from a template of this folder."""
    places = {"name_goes_here": NAME_GOES_HERE, "team_goes_here": TEAM_GOES_HERE, "way_goes_here": WAY_GOES_HERE,
              "favicon": FAVICON}
    return _environment().get_template(template).render(**places, **context)


def template_part(template: str, **context: Any) -> str:
    """Return a part of a page, rendered from a template of its own."""
    return _environment().get_template(template).render(**context)


@cache
def _environment() -> Environment:
    folder = Path(__file__).parent
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for filter_ in (
        money, percent, points, day, measured, quoted, by_cause, status_place, family_name, sentence, moves, age_place
    ):  # fmt: skip
        made.filters[filter_.__name__] = filter_
    return made
