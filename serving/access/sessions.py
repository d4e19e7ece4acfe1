"""Sessions of the pages: a signed cookie that names a key, and the CSRF tokens of forms.

Nothing is stored: a cookie holds the key's id, a fingerprint of its hash and the time, signed with the secret of the
key file (HMAC-SHA-256). It ends after LIFETIME, or with its key.
"""

from __future__ import annotations

import hashlib
import secrets

from itsdangerous import BadData, Signer, TimestampSigner

from undertow.serving.access.key_reader import KeyReader
from undertow.serving.access.keys import Key

LIFETIME = 12 * 3600  # seconds
FORM_LIFETIME = 3600  # seconds in which a sign-in form is sent


class Sessions:
    """Signs and reads the cookies and the forms of one service."""

    def __init__(self, keys: KeyReader) -> None:
        self._keys = keys

    def begin(self, key: Key) -> str:
        """Return the cookie of a new session of a key."""
        return self._timed("session").sign(f"{key.id}.{_fingerprint(key)}").decode()

    def key_of(self, cookie: str) -> Key | None:
        """Return the living key of a session, or None where the cookie is not ours, too old, or its key has ended."""
        try:
            said = self._timed("session").unsign(cookie, LIFETIME).decode()
        except BadData:
            return None
        key_id, _, fingerprint = said.partition(".")
        key = self._keys.living(key_id)
        return key if key is not None and secrets.compare_digest(fingerprint, _fingerprint(key)) else None

    def csrf_of(self, cookie: str) -> str:
        """Return the CSRF token of a session, which its forms hold."""
        return self._signer("csrf").get_signature(cookie).decode()

    def is_csrf_of(self, cookie: str, token: str) -> bool:
        """Return whether a form holds the CSRF token of a session."""
        return self._signer("csrf").verify_signature(cookie.encode(), token.encode())

    def new_form(self) -> tuple[str, str]:
        """Return the cookie of a browser that signs in, and the CSRF token that the sign-in form holds beside it."""
        nonce = secrets.token_urlsafe(18)
        return nonce, self._timed("form").sign(nonce).decode()

    def is_form(self, nonce: str, token: str) -> bool:
        """Return whether a sign-in form was made for the browser that has this cookie, within the last hour."""
        try:
            signed = self._timed("form").unsign(token, FORM_LIFETIME)
        except BadData:
            return False
        return bool(nonce) and secrets.compare_digest(signed, nonce.encode())

    def _signer(self, use: str) -> Signer:
        return Signer(self._keys.signing, f"undertow.{use}", digest_method=hashlib.sha256)

    def _timed(self, use: str) -> TimestampSigner:
        return TimestampSigner(self._keys.signing, f"undertow.{use}", digest_method=hashlib.sha256)


def _fingerprint(key: Key) -> str:
    return hashlib.sha256(key.hash.encode()).hexdigest()[:16]
