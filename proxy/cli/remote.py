"""Remote: the admin API of a running proxy, as verbs use it.

What fails is told in one line with a remedy. This module must not know what is asked for.
"""

import os
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


class RemoteError(SidecacheError):
    """The proxy cannot be reached, or refused; the text is one line with a remedy."""


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
    token = os.environ.get(TOKEN_VARIABLE)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with _told(url):
        # No proxy of the environment's: the token is for the sidecar alone.
        client = httpx.Client(base_url=url, headers=headers, timeout=PATIENCE, trust_env=False)
    with client:
        yield Remote(client)


@contextmanager
def _told(where: object) -> Iterator[None]:
    """Have what goes wrong on the way told in one line."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        remedy = "is the proxy running, and is --admin its admin address?"
        raise RemoteError(f"{where}: {str(error) or type(error).__name__}; {remedy}") from error
    except orjson.JSONDecodeError as error:
        raise RemoteError(f"{where}: this is no admin API of Sidecache; see --admin") from error


def _accepted(response: httpx.Response) -> None:
    """Raise what a refusal says."""
    if response.is_success:
        return
    try:
        detail = str(orjson.loads(response.content)["detail"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        detail = "this is no admin API of Sidecache; see --admin"
    if response.status_code == _UNAUTHORIZED:
        detail = f"the token is missing or unknown; set {TOKEN_VARIABLE}"
    raise RemoteError(f"{response.request.url}: {response.status_code}: {detail}")
