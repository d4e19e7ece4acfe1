"""HTTP requests to the systems that are pushed to: bounded retries, and errors in the words of the vendor.

Requests are tried again after a connection error, 408, 429 or 5xx, with growing pauses or that of Retry-After.
Redirects are not followed: what is signed or carries a token goes to the address that was configured alone.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import sleep
from types import TracebackType

import httpx

from undertow.features.errors import PushError
from undertow.serving.formatting import short
from undertow.serving.push.secrets import without_secrets

TRIES = 5
FIRST_PAUSE = 1.0  # seconds, doubled after each try
LONGEST_PAUSE = 120.0  # seconds; where Retry-After asks for more, the push ends and says so
TIMEOUT = httpx.Timeout(60.0, connect=10.0)  # seconds
MOST_SAID = 300  # characters of a vendor's message
CONTENT = (400, 409, 413, 422)  # statuses that refuse what was sent, rather than who sends it
LOGGERS = ("httpx", "httpcore")  # which log addresses and headers


class Refused(PushError):
    """A system refuses the content of one request; others may pass."""


class Client:
    """Client of one system. `name`: of the destination; `secrets`: what no message may show.

    `repeatable`: whether a request that may have arrived can be sent again; else it is sent again only where the
    system refused it or was not reached.
    """

    def __init__(
        self,
        name: str,
        base: str,
        headers: Mapping[str, str],
        secrets: Sequence[str],
        repeatable: bool = True,
    ) -> None:
        for logger in LOGGERS:
            logging.getLogger(logger).setLevel(logging.WARNING)
        self._where, self._secrets, self._repeatable = f"[destinations.{name}]", tuple(secrets), repeatable
        self._http = httpx.Client(base_url=base, headers=dict(headers), timeout=TIMEOUT, follow_redirects=False)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        headers: Callable[[], Mapping[str, str]] = dict,
    ) -> httpx.Response:
        """Send a request, again where that may help, and return its answer, which is 2xx.

        `headers`: makes those of one try. Raises Refused where the system refuses the content, PushError otherwise.
        """
        for number in range(TRIES):
            last = number == TRIES - 1
            try:
                answer = self._http.request(method, path, content=content, headers=dict(headers()))
            except httpx.RequestError as error:
                arrived = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
                if last or (arrived and not self._repeatable) or not isinstance(error, httpx.TransportError):
                    raise self.refused(f"cannot be reached ({type(error).__name__}: {error})") from None
                wait(FIRST_PAUSE * 2**number)
                continue
            except httpx.InvalidURL:
                raise self.refused("its address cannot be used") from None
            if answer.is_success:
                return answer
            again = answer.status_code in (408, 429) or answer.status_code >= 500
            pause = max(_asked_pause(answer), FIRST_PAUSE * 2**number)
            if not again or last or pause > LONGEST_PAUSE:
                later = f"; it asks to wait {pause:,.0f} s" if again and pause > LONGEST_PAUSE else ""
                error_of = Refused if answer.status_code in CONTENT else PushError
                said = self.hidden(said_by(answer)) or "no reason given"
                raise error_of(str(self.refused(f"refused it with {answer.status_code}: {said}{later}")))
            wait(pause)
        raise AssertionError("the last try returns or raises")

    def send_json(self, method: str, path: str, body: object) -> httpx.Response:
        """Send a request with a JSON body."""
        content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        return self.send(method, path, content, lambda: {"Content-Type": "application/json"})

    def parsed(self, answer: httpx.Response) -> dict[str, object]:
        """Return the JSON object of an answer. Raises PushError where it is none."""
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise self.refused("answered with something that is no JSON object; check its address")
        return found

    def refused(self, what: str) -> PushError:
        """Return a PushError of this destination, without its secrets."""
        return PushError(without_secrets(f"{self._where}: {what.rstrip('.')}.", self._secrets))

    def hidden(self, text: str) -> str:
        """Return a text of the vendor, short and without secrets."""
        return short(without_secrets(_line(text), self._secrets), MOST_SAID)


def wait(seconds: float) -> None:
    """Wait until the next try, or the next look at a job."""
    sleep(seconds)


def said_by(answer: httpx.Response) -> str:
    """Return what the vendor says of a refusal: the messages of its JSON, or its text."""
    try:
        found = answer.json()
    except ValueError:
        return answer.text
    parts = found if isinstance(found, list) else [found]
    said = [_message(part) for part in parts]
    return "; ".join(filter(None, said))


def _line(text: str) -> str:
    """Return a text as one line, without characters that would steer a terminal."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _message(part: object) -> str:
    if not isinstance(part, dict):
        return str(part)
    for name in ("message", "error_description", "detail", "error"):
        if isinstance(part.get(name), str):
            return str(part[name])
    return ""


def _asked_pause(answer: httpx.Response) -> float:
    """Return the seconds that Retry-After asks for, a number or a date; 0 where it asks for none."""
    asked = answer.headers.get("Retry-After", "").strip()
    if asked.isdecimal():
        return float(asked)
    try:
        moment = parsedate_to_datetime(asked)
    except ValueError:
        return 0.0
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
