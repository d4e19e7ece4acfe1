"""Printed reports of `undertow score`, `at-risk`, `drivers` and `push`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from rich.markup import escape
from rich.padding import Padding
from rich.text import Text

from undertow.serving.cli.console import new_table, out, print_warnings, show
from undertow.serving.formatting import money
from undertow.serving.published.answers import NONE_STANDS_OUT, Moved, moved_of
from undertow.serving.published.history.moves import has_moved, largest_parts

if TYPE_CHECKING:  # what is printed comes from jobs that take seconds to import
    from undertow.serving.jobs.bulk import BulkReport
    from undertow.serving.jobs.score import ScoreReport
    from undertow.serving.push.push import PushReport


def print_bulk(report: BulkReport) -> None:
    """Print how many probabilities were written, and the folder."""
    folder = report.folder / f"as_of={report.as_of:%Y-%m-%d}"
    out.print(f"Wrote the probabilities of {report.accounts:,} accounts by {report.model_version} to {folder}.",
              soft_wrap=True)  # fmt: skip
    print_warnings(report.warnings)


def print_score(report: ScoreReport) -> None:
    """Print the size and value at risk of a scored list, its notes, its folder, and whether it was published."""
    at_risk = "what is at risk is not known, as no value is."
    if report.value_at_risk is not None:
        at_risk = (f"{report.value_at_risk:,.0f} {report.currency} at risk: what leaving within {report.headline} days "
                   f"would cost over {report.value_months} months.")  # fmt: skip
    out.print(
        f"{report.accounts:,} accounts scored as of {report.as_of:%Y-%m-%d} by {report.model_version}; {at_risk}",
        soft_wrap=True,
    )
    for note in report.notes:
        out.print(f"! {note}", soft_wrap=True)
    if report.published:
        out.print(f"Published in {report.folder}.", soft_wrap=True)
    else:
        out.print(f"Written to {report.folder} and not published: the published list of {report.published_as_of} is "
                  "newer and stays. `undertow score --publish` with the same --as-of replaces it.",
                  soft_wrap=True)  # fmt: skip


ORDERS: dict[str, str] = {
    "contact_value": "most valuable contact first, over {months} months",
    "value_at_risk": "ranked by what leaving within {headline} days would cost over {months} months",
    "clv": "highest value over {months} months first",
    "probability": "likeliest to leave within {headline} days first",
    "mrr": "highest MRR first",
    "renews_at": "earliest renewal first",
    "name": "by name",
    "moved": "largest rise since the list before first",
}


def print_at_risk(
    rows: pa.Table, manifest: dict[str, Any], total: int, sort: str = "contact_value", contacts: str = ""
) -> None:
    """Print the at-risk list in an order (of `AtRiskQuery`): a line of numbers per account, with its reasons below.

    `contacts`: what the list says of them.
    """
    headline, currency = manifest["headline"], manifest["currency"]
    names = [_name(row) for row in rows.to_pylist()]
    wide = min(max([len(name) for name in names] + [len("Account")]), 40)
    buys = manifest.get("kind") == "inactivity"
    leaves = f"{'Away for' if buys else 'Leaves in'} {headline} d"
    paid, last = ("Spent " if buys else "MRR ") + currency, "" if buys else "  Renews"
    out.print(f"[bold]{'Account':<{wide}}{paid:>12}{leaves:>17}{'At risk':>11}{'Contact':>11}{last}[/]")
    for name, row in zip(names, rows.to_pylist(), strict=True):
        renews = f"{row['renews_at']:%Y-%m-%d}" if row["renews_at"] else "-"
        paid, lost = money(row["spent"] if buys else row["mrr"]), money(row["value_at_risk"])
        contact, leaves_by = money(row.get("contact_value")), f"{row[f'p_{headline}']:.0%}"
        numbers = f"{paid:>12}{leaves_by:>17}{lost:>11}{contact:>11}" + ("" if buys else f"  {renews}")
        out.print(f"[bold]{escape(f'{name[:wide]:<{wide}}')}[/]{numbers}", highlight=False)
        cause = "" if buys else f"the likelier cause is {row['cause']}"
        beside = (row.get("announced"), row["account_id"], row["owner"], row["segment"], cause)
        _below(" · ".join(text for text in beside if text), "dim")
        if row["reasons"] and not row["stands_out"]:
            _below(f"{NONE_STANDS_OUT}:", "dim")
        for reason in row["reasons"]:
            _below(_reason(reason))
        if moved := _moved(moved_of(row, manifest)):
            _below(moved, "dim")
        if row.get("action"):
            _below(_action(row))
    out.print()
    order = ORDERS[sort].format(headline=headline, months=manifest["value_months"])
    out.print(f"{rows.num_rows} of {total:,} accounts, as of {manifest['as_of']}, {order}, in {currency} "
              f"({manifest['model_version']}).", soft_wrap=True)  # fmt: skip
    if contacts:
        out.print(contacts, soft_wrap=True, markup=False)
    print_warnings(manifest.get("warnings", ()))


def _action(row: dict[str, Any]) -> str:
    """Return what is done about an account, or that a contact does not pay."""
    if row["contact"] == "does_not_pay":
        return "no contact: it would cost more than it is expected to keep"
    budget = ", beyond the budget" if row["contact"] == "over_budget" else ""
    return f"to do: {row['action']} ({row['action_by']}, until {row['action_due']:%Y-%m-%d}{budget})"


def _name(row: dict[str, Any]) -> str:
    return str(row["name"] or row["account_id"])


def _moved(moved: Moved | None) -> str:
    """Return what moved since the list before as one line; empty where nothing has, or there is no list before."""
    if moved is not None and moved.is_new:
        return f"new since {moved.since}"
    if moved is None or not has_moved(moved):
        return ""
    parts = ", ".join(f"{name} {100 * part:+.1f}" for name, part in largest_parts(moved))
    return f"{_points(moved.probability or 0.0)} since {moved.since}{': ' if parts else ''}{parts}"


def _below(text: str, style: str = "") -> None:
    out.print(Padding(Text(text, style=style), (0, 0, 0, 2)))


def print_drivers(overview: dict[str, Any], manifest: dict[str, Any]) -> None:
    """Print the drivers of the scores over all accounts, then by segment, with their grade."""
    table = new_table("Family", "Moves a score by", "Pushes up or down", "First for", "Mostly through", right=(1, 2, 3))
    for family in overview["families"]:
        first = family["share_of_accounts_first"]
        through = "; ".join(feature["sentence"] for feature in family["top_features"][:2])
        table.add_row(
            family["family"],
            _points(family["mean_absolute_contribution"], signed=False),
            _points(family["mean_contribution"]),
            "-" if first is None else f"{first:.0%}",
            escape(through),
        )
    show(table)
    families = [family["family"] for family in overview["families"]]
    segments = new_table("Segment", "Accounts", "Leaves", "Like accounts", *families, right=range(1, 4 + len(families)))
    for segment in overview["segments"]:
        shares = {share["family"]: _points(share["mean_contribution"]) for share in segment["families"]}
        cells = [shares[family] for family in families] if shares else ["too few"] + [""] * (len(families) - 1)
        chances = (f"{segment[name]:.1%}" for name in ("mean_probability", "mean_like_probability"))
        segments.add_row(escape(segment["segment"]), f"{segment['accounts']:,}", *chances, *cells)
    show(segments)
    stand_out = f"{overview['share_of_accounts_where_one_stands_out']:.0%}"
    out.print("Like accounts: those in the same contract position, which is context and no driver. First for: of the "
              f"{stand_out} of accounts where one family stands out.", soft_wrap=True)  # fmt: skip
    out.print(f"Points are percentage points of the chance of leaving in {overview['horizon']} days, as of "
              f"{overview['as_of']}. {overview['note']}", soft_wrap=True)  # fmt: skip
    print_warnings(manifest.get("warnings", ()))


def _reason(reason: dict[str, Any]) -> str:
    """Return a reason as one line: its family and the first piece of evidence; page and CSV have all of it."""
    return f"{reason['family']}: {reason['evidence'][0]['said']}"


def _points(share: float, signed: bool = True) -> str:
    return f"{100 * share:+.1f} pt" if signed else f"{100 * share:.1f} pt"


def print_pushed(reports: Sequence[PushReport], manifest: Mapping[str, Any]) -> None:
    """Print a line of counts per destination, then what each said and refused."""
    what = "Would be pushed" if reports[0].dry_run else "Pushed"
    out.print(f"{what}: the list {manifest['run_id']}, as of {manifest['as_of']}\n", markup=False)
    counted = ("New", "Changed", "Gone", "Unchanged", "Sent", "Failed")
    table = new_table("Destination", "Kind", *counted, right=range(2, 8))
    for report in reports:
        counts = (report.new, report.changed, report.gone, report.unchanged, report.sent, report.failed)
        table.add_row(report.destination, report.kind, *(f"{count:,}" for count in counts))
    show(table)
    for report in reports:
        for line in _pushed_lines(report):
            out.print(f"{report.destination}: {line}", soft_wrap=True, markup=False)


def _pushed_lines(report: PushReport) -> list[str]:
    lines = list(report.said)
    if report.dry_run and report.error is None:
        before = f"against the push of {report.last_run}" if report.last_run else "nothing was pushed before"
        lines.append(f"nothing is sent: this is a dry run, {before}")
    if report.skipped:
        lines.append(f"{report.skipped:,} accounts without a record there were skipped")
    lines += [f"{account} was refused: {why}" for account, why in report.failures.items()]
    if report.failed > len(report.failures):
        lines.append(f"and {report.failed - len(report.failures):,} more were refused")
    if report.failed:
        lines.append("what was refused is sent again by the next push")
    if report.error:
        lines.append(report.error)
    return lines
