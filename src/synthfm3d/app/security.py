"""The guard checks host name, origin, token and size of every request, and adds headers to every answer."""

import hashlib
import hmac
import ipaddress
import logging
import time
import traceback
from secrets import compare_digest, token_hex
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from synthfm3d.app.settings import ServeSettings
from synthfm3d.app.viewers.messages import PREFIX, VIEWER_UPLOADS

log = logging.getLogger("synthfm3d.app")
LOGIN_COOKIE = "synthfm3d_login"
UPLOADS = "/api/uploads"
PRIVATE = ("/api/", f"{PREFIX}/")
"""Beginnings of paths that need the token and that pages of other sites may not call."""
UPLOAD_PATHS = (UPLOADS, *sorted(VIEWER_UPLOADS))
_OPEN = frozenset({"/healthz", "/api/login", PREFIX, f"{PREFIX}/", f"{PREFIX}/healthz"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# The viewer compiles no text to code and loads nothing; its font and icons are data: pictures inside of it.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self' data: blob:; font-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), usb=()",
}


class Guard:
    """ASGI middleware that refuses requests that are not allowed, and answers requests that fail.

    Parameters
    ----------
    private, uploads
        Beginnings of the paths that need the token, and of those that take files.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: ServeSettings,
        private: tuple[str, ...] = PRIVATE,
        uploads: tuple[str, ...] = UPLOAD_PATHS,
    ) -> None:
        self._app = app
        self._settings = settings
        self._private = private
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; anything but HTTP is refused, apart from starting and stopping."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1003})
            return
        start = time.perf_counter()
        answered: list[int] = []

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered.append(message["status"])
                self._add_headers(scope, MutableHeaders(scope=message))
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send_guarded)
        else:
            await self._answer(scope, self._limited(scope, receive), send_guarded, answered)
        # The route, not the path: identifiers are secrets, and names of files may be names of patients.
        route = getattr(scope.get("route"), "path", None)
        milliseconds = 1000 * (time.perf_counter() - start)
        level = logging.DEBUG if route is None else logging.INFO  # files of the page have no route
        log.log(level, "%s %s %s %.0f ms", scope["method"], route, answered[:1], milliseconds)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, answered: list[int]) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            # Where it happened and not what it said: messages may quote a path, and so a patient.
            reference = token_hex(4)
            frames = traceback.extract_tb(error.__traceback__)
            places = "".join(f"\n  {f.filename}:{f.lineno} in {f.name}" for f in frames)
            log.error("failure %s: %s%s", reference, type(error).__name__, places)
            if answered:
                raise RuntimeError(f"failure {reference} while an answer was sent") from None
            detail = f"The server failed. Your prompts are unchanged. Look for {reference} in its log."
            await JSONResponse({"detail": detail}, 500)(scope, receive, send)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        if not self._knows_host(headers.get("host", "")):
            return _refused(400, "this server is not known by that name: see --public-host.")
        if self._is_foreign(scope, headers):
            return _refused(403, "a page of another site may not call this server.")
        if self._needs_login(scope["path"]) and not self._is_known(headers):
            return _refused(401, "give the token that the server was started with.")
        length = headers.get("content-length")
        if length is not None and (not length.isdigit() or int(length) > self._most_bytes(scope)):
            return _refused(413, f"that is more than the {self._most_bytes(scope):,} bytes taken here.")
        return None

    def _add_headers(self, scope: Scope, headers: MutableHeaders) -> None:
        for name, value in _HEADERS.items():
            headers[name] = value
        if scope["path"].startswith(self._private):
            headers["Cache-Control"] = "no-store"

    def _knows_host(self, host: str) -> bool:
        name = _name_of(f"//{host}")
        if name in self._settings.hosts:
            return True
        return self._settings.by_address and _is_address(name)

    def _is_foreign(self, scope: Scope, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is not None:
            parts = urlsplit(origin)
            known = parts.netloc == headers.get("host") or parts.hostname in self._public_hosts()
            if parts.scheme not in ("http", "https") or not known:
                return True
        told = headers.get("sec-fetch-site", "none")
        return told == "cross-site" and (
            scope["method"] not in _SAFE or scope["path"].startswith(self._private)
        )

    def _public_hosts(self) -> frozenset[str]:
        """Names of a proxy in front of the server; its port may be another one."""
        return frozenset(name for name in self._settings.hosts if not _is_address(name)) - {"localhost"}

    def _needs_login(self, path: str) -> bool:
        private = path.startswith(self._private) or path == "/openapi.json"
        return self._settings.token is not None and private and path not in _OPEN

    def _is_known(self, headers: Headers) -> bool:
        assert self._settings.token is not None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and same_secret(given.strip(), self._settings.token):
            return True
        cookie = cookie_parser(headers.get("cookie", "")).get(LOGIN_COOKIE, "")
        return same_secret(cookie, login_value(self._settings.token))

    def _most_bytes(self, scope: Scope) -> int:
        limits = self._settings.limits
        path = scope["path"]
        is_file = path.startswith(self._uploads) or path.endswith(("/mask", "/session", "/labels"))
        return limits.upload_bytes if is_file else limits.body_bytes

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        """Count the bytes that arrive: the header with the length may be missing or wrong."""
        most, got = self._most_bytes(scope), 0

        async def counted() -> Message:
            nonlocal got
            message = await receive()
            got += len(message.get("body", b""))
            if got > most:
                raise HTTPException(413, f"that is more than the {most:,} bytes taken here.")
            return message

        return counted


def login_value(token: str) -> str:
    """The value of the login cookie. It proves that the visitor knew the token, and does not contain it."""
    return hmac.new(token.encode(), b"synthfm3d login", hashlib.sha256).hexdigest()


def same_secret(given: str, secret: str) -> bool:
    """Comparison that takes the same time wherever the two differ."""
    return compare_digest(given.encode("utf-8", "surrogatepass"), secret.encode())


def _refused(status: int, reason: str) -> JSONResponse:
    return JSONResponse({"detail": f"Refused: {reason}"}, status)


def _name_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # such as an unclosed bracket
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
