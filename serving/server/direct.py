"""Hands HTTP requests straight to our app, around BentoML's middlewares, which cost several times a look-up."""

from __future__ import annotations

import inspect
import logging
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from undertow.serving.server.connection import bound_connections

PROBES = frozenset({"/livez", "/healthz", "/readyz"})  # what BentoML answers itself
logger = logging.getLogger("undertow.serving")


class DirectApp:
    """ASGI app that leaves the start, the end and the probes of the service to BentoML, and the rest to `app`."""

    def __init__(self, bentoml_app: ASGIApp, app: ASGIApp) -> None:
        self._bentoml_app, self._app = bentoml_app, app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        ours = scope["type"] == "http" and scope["path"] not in PROBES
        await (self._app if ours else self._bentoml_app)(scope, receive, send)


def direct_service(service_class: type[Any], app: ASGIApp) -> type[Any]:
    """Return BentoML's class of services as one whose requests go to `app` directly.

    Where this release of BentoML makes its app in another way, the class is returned as it is, with a line in the log:
    `app` is then reached through its middlewares, slower.
    """
    made_by = getattr(service_class, "to_asgi", None)
    if made_by is None or list(inspect.signature(made_by).parameters) != ["self", "is_main"]:
        logger.warning("This release of BentoML has no place for requests to go around it; answers take longer.")
        return service_class

    def to_asgi(self: Any, is_main: bool = True) -> ASGIApp:
        bound_connections()
        return DirectApp(made_by(self, is_main=is_main), app)

    return type(service_class.__name__, (service_class,), {"to_asgi": to_asgi})
