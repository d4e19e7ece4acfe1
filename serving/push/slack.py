"""Slack: one message per list to an incoming webhook, with accounts that are new on it or whose probability rose.

The message is never sent twice: where it may have arrived, it is not tried again. It holds no e-mail addresses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from undertow.features.errors import PushError
from undertow.features.settings.destinations import SlackDestination, refuse_address
from undertow.serving.formatting import money, percent
from undertow.serving.push.accounts import Account, Listed, cut
from undertow.serving.push.http import Client
from undertow.serving.push.outcome import Outcome
from undertow.serving.push.record import Difference, Mark
from undertow.serving.push.secrets import secret_of

LONGEST_REASON = 120  # characters, so that ten accounts stay below the 4,000 that Slack shows at once
EMAIL = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+")


def send(name: str, destination: SlackDestination, listed: Listed, difference: Difference) -> Outcome:
    """Send one message about the accounts that are new or rose; none where there are none."""
    told = [account for account in listed if is_told(destination, difference, account.id)]
    if not told:
        return Outcome(said=["nothing is new or rose, so no message was sent"])
    address = secret_of(name, destination.webhook_env)
    try:
        refuse_address(destination.webhook_env, address)
    except ValueError as error:
        raise PushError(f"[destinations.{name}]: {error}") from None
    with Client(name, "", {}, [address, address.partition("/services/")[2]], repeatable=False) as client:
        client.send_json("POST", address, {"text": message(destination, listed, difference, told)})
    return Outcome(sent=min(len(told), destination.most), requests=1)


def is_told(destination: SlackDestination, difference: Difference, account: str) -> bool:
    """Return whether an account is new on the list, or rose by `rise` since it was last told."""
    if account in difference.new:
        return True
    before, now = difference.before[account].probability, difference.now[account].probability
    return before is not None and now is not None and now - before >= destination.rise


def marks_after(destination: SlackDestination, difference: Difference) -> dict[str, Mark]:
    """Return what the next push compares with: a small rise that was not told adds up with later ones."""
    marks = dict(difference.now)
    for account, now in marks.items():
        before = difference.before.get(account)
        if before is None or is_told(destination, difference, account):
            continue
        if before.probability is not None and now.probability is not None:
            marks[account] = Mark(now.digest, min(before.probability, now.probability), now.record_id)
    return marks


def message(destination: SlackDestination, listed: Listed, difference: Difference, told: list[Account]) -> str:
    """Return the text of the message, in Slack's mrkdwn."""
    new = sum(account.id in difference.new for account in told)
    counts = ", ".join(f"{count} {what}" for count, what in ((new, "new"), (len(told) - new, "rose")) if count)
    lines = [f"*Accounts at risk as of {listed.as_of}*: {counts}"]
    lines += [_line(listed, difference, account) for account in told[: destination.most]]
    if (more := len(told) - destination.most) > 0:
        lines.append(f"and {more} more on the list")
    return "\n".join(lines)


def _line(listed: Listed, difference: Difference, account: Account) -> str:
    values: Mapping[str, object] = account.values
    who = _safe(str(values.get("name") or account.id))
    if (link := values.get("link")) and not EMAIL.search(account.id):
        who = f"<{_escaped(str(link))}|{who}>"
    before = difference.before.get(account.id)
    was = f" (was {percent(before.probability, 0)})" if before is not None and before.probability is not None else ""
    probability, at_risk = account.probability(listed.headline), account.values["value_at_risk"]
    facts = [f"{percent(probability, 0)}{was} in {listed.headline} days", str(values["cause"])]
    if at_risk is not None:
        facts.insert(1, f"{money(at_risk, str(values['currency']))} at risk")
    reasons = [cut(str(values[each]), LONGEST_REASON) for each in ("reason_1", "reason_2") if values[each]]
    return f"{values['rank']}. {who}: {', '.join(facts)}" + "".join(f"\n      {_safe(each)}" for each in reasons)


def _safe(text: str) -> str:
    """Return a text without e-mail addresses, escaped.

    >>> _safe("asked by mira@example.com & <!channel>")
    'asked by (e-mail) &amp; &lt;!channel&gt;'
    """
    return _escaped(EMAIL.sub("(e-mail)", text))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
