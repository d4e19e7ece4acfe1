"""Secrets of destinations: read from the environment, and taken out of every text that is shown."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from undertow.features.errors import PushError

HIDDEN = "***"


def secret_of(destination: str, variable: str) -> str:
    """Return the secret in an environment variable.

    Raises PushError where it is not set, or holds what no header could carry (a line break in the middle).
    """
    secret = os.environ.get(variable, "").strip()
    if not secret:
        raise PushError(f"[destinations.{destination}]: the environment variable {variable} is not set.")
    if not re.fullmatch(r"[!-~]+", secret):
        raise PushError(
            f"[destinations.{destination}]: {variable} must hold one secret, in printable characters without blanks."
        )
    return secret


def without_secrets(text: str, secrets: Sequence[str]) -> str:
    """Return a text in which secrets are hidden.

    >>> without_secrets("the token abc123 has expired", ["abc123"])
    'the token *** has expired'
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
