"""The versions of the model, as printed."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape

from undertow.serving.cli.console import new_table, out, show
from undertow.training.registry.versions import Move, Shown, Version

METRICS = ("auroc", "log_loss", "calibration")
NO_CARD = "No model card: the version was registered by an earlier release."
NO_VERDICT = "no verdict: the training was stopped before it"


def print_versions(name: str, versions: Sequence[Version]) -> None:
    """Print a table with one line per version, newest first."""
    if not versions:
        out.print("No model is registered yet. Next: undertow train", soft_wrap=True)
        return
    table = new_table(
        "Version", "Alias", "Bundle", "Trained", "Learned until", "AUROC", "Log loss", "Pred. / obs.", "Verdict",
        right=(0, 5, 6, 7),
    )  # fmt: skip
    for version in versions:
        table.add_row(
            str(version.number),
            ", ".join(version.aliases),
            version.bundle,
            version.trained_at[:10],
            version.tags.get("trained_until", ""),
            *(_metric(version, metric) for metric in METRICS),
            escape(_first_sentence(version.verdict or NO_VERDICT)),
        )
    show(table)
    out.print(f"{len(versions)} versions of {name}. See one with: undertow models show VERSION", soft_wrap=True,
              markup=False)  # fmt: skip


def print_shown(name: str, shown: Shown) -> None:
    """Print a version: what it is, the verdict of the gate, the history of champions, and its model card."""
    version = shown.version
    aliases = f" ({', '.join(version.aliases)})" if version.aliases else ""
    lines = [
        f"Version {version.number}{aliases} of {name}, bundle {version.bundle or 'without a hash'}, trained "
        f"{version.trained_at} UTC, run {version.run_id}.",
        f"Verdict: {version.verdict or NO_VERDICT}",
        "",
        "Champions so far:" if shown.history else "No move of the champion alias is recorded.",
        *(f"  {move_text(move)}" for move in shown.history),
        "",
        shown.card.rstrip() or NO_CARD,
    ]
    for line in lines:
        out.print(line, soft_wrap=True, markup=False, highlight=False)


def print_move(name: str, move: Move) -> None:
    """Print which version became champion, and the next command."""
    before = "" if move.before is None else f" (before: version {move.before})"
    out.print(f"Version {move.version} is now the champion of {name}{before}. Reason recorded: {move.reason}",
              soft_wrap=True, markup=False)  # fmt: skip
    out.print("Next: undertow score", soft_wrap=True)


def move_text(move: Move) -> str:
    """Return a move of the champion alias in words.

    >>> move_text(Move("2024-07-02 04:00:00", 2, 3, "rollback", "totals too high"))
    '2024-07-02 04:00:00 UTC: version 2 by rollback, before: version 3. totals too high'
    """
    before = "" if move.before is None else f", before: version {move.before}"
    return f"{move.at} UTC: version {move.version} by {move.how}{before}. {move.reason}"


def _metric(version: Version, metric: str) -> str:
    """Return a metric at the headline horizon with its 95 % confidence interval."""
    name = f"{metric}_{version.tags.get('headline', '')}"
    value, low, high = (version.metrics.get(f"{name}{suffix}") for suffix in ("", "_low", "_high"))
    if value is None or low is None or high is None:
        return "-"
    return f"{value:.3f}\n[dim]{low:.2f}..{high:.2f}[/dim]"


def _first_sentence(text: str) -> str:
    return text.split(". ")[0].rstrip(".") + "."
