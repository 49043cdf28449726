"""Remote: the admin API of a running proxy, as verbs use it.

What fails is told in one line with a remedy. This module must not know what is asked for.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx
import orjson

from proxy.errors import SidecacheError
from proxy.settings import TOKEN_VARIABLE

Json = dict[str, Any]

PATIENCE: Final = 10.0
"""Seconds that an answer may take beyond what it was asked to wait."""

_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404
_PROBLEM: Final = "application/problem+json"
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
_FOREIGN: Final = "this is no admin API of Sidecache; see --admin"
_NO_LISTENER: Final = "that is not an admin listener; is it the clients' port?"


class RemoteError(SidecacheError):
    """The proxy cannot be reached, or refused; the text is one line with a remedy.

    `problem` is what the proxy said as problem details (9457), if it did.
    """

    def __init__(self, text: str, problem: Json | None = None) -> None:
        super().__init__(text)
        self.problem = problem


class Remote:
    """A connection to one admin API; every method raises `RemoteError`."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(self, path: str) -> Json:
        """Return the document at a path."""
        return self._document(self._client.build_request("GET", path))

    def post(self, path: str, body: Mapping[str, object], within: float = 0.0) -> Json:
        """Send a body and return what comes back, `within` seconds or a little later."""
        request = self._client.build_request("POST", path, json=body, timeout=within + PATIENCE)
        return self._document(request)

    def delete(self, path: str) -> None:
        """Have what is at a path ended."""
        with _told(self._client.base_url):
            _accepted(self._client.delete(path))

    def lines(self, path: str, body: Mapping[str, object]) -> Iterator[Json]:
        """Send a body and yield the documents that come back, as they come."""
        timeout = httpx.Timeout(PATIENCE, read=None)
        with (
            _told(self._client.base_url),
            self._client.stream("POST", path, json=body, timeout=timeout) as response,
        ):
            if response.is_error:
                response.read()
            _accepted(response)
            for line in response.iter_lines():
                yield orjson.loads(line)

    def _document(self, request: httpx.Request) -> Json:
        with _told(self._client.base_url):
            response = self._client.send(request)
            _accepted(response)
            document: Json = orjson.loads(response.content)
            return document


@contextmanager
def remote(url: str) -> Iterator[Remote]:
    """Connect to the admin API at `url` with the token in SIDECACHE_ADMIN_TOKEN, if any."""
    if not url.lower().startswith(("http://", "https://")):
        raise RemoteError(f"--admin {url}: begin it with http:// or https://")
    headers = _credentials(os.environ.get(TOKEN_VARIABLE))
    with _told(url):
        # No proxy of the environment's: the token is for the sidecar alone.
        client = httpx.Client(base_url=url, headers=headers, timeout=PATIENCE, trust_env=False)
    with client:
        yield Remote(client)


def _credentials(token: str | None) -> dict[str, str]:
    if not token:
        return {}
    if not _VISIBLE.fullmatch(token):
        remedy = "visible ASCII alone can be sent, without spaces and line ends"
        raise RemoteError(f"{TOKEN_VARIABLE}: the token has characters that are unfit; {remedy}")
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def _told(where: object) -> Iterator[None]:
    """Have what goes wrong on the way told in one line."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        remedy = "is the proxy running, and is --admin its admin address?"
        raise RemoteError(f"{where}: {str(error) or type(error).__name__}; {remedy}") from error
    except orjson.JSONDecodeError as error:
        raise RemoteError(f"{where}: {_FOREIGN}") from error


def _accepted(response: httpx.Response) -> None:
    """Raise what a refusal says."""
    if response.is_success:
        return
    problem = _problem(response)
    if response.status_code == _UNAUTHORIZED:
        detail = f"the token is missing or unknown; set {TOKEN_VARIABLE}"
    elif problem is not None:
        detail = str(problem["detail"])
    else:
        detail = _NO_LISTENER if response.status_code == _NOT_FOUND else _FOREIGN
    raise RemoteError(f"{response.request.url}: {response.status_code}: {detail}", problem)


def _problem(response: httpx.Response) -> Json | None:
    """Return the problem details that a response is; None where it is something else."""
    if response.headers.get("content-type", "").partition(";")[0].strip() != _PROBLEM:
        return None
    try:
        document: object = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) and "detail" in document else None
