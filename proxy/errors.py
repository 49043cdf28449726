"""The error tree. Each error knows the status that a client deserves for it.

    SidecacheError
    ├── InternalError          a bug of ours                                   500
    ├── ConfigError            the operator's file, flag or variable is wrong
    ├── StoreError             the shared store cannot be reached             503
    ├── CodingError            a body cannot be decoded, or becomes too large 502
    ├── RequestError           the client's request cannot be taken           400
    │   ├── ClientGone         the client left before its request was complete
    │   ├── RequestSlow        it came too slowly                             408
    │   ├── BodyTooLarge       its body is larger than is allowed             413
    │   ├── TargetTooLong      its target is                                  414
    │   ├── ExpectationUnmet   it expects what nobody here can do             417
    │   ├── Misdirected        its host is not served here                    421
    │   ├── HeadTooLarge       its head has too many bytes or fields          431
    │   ├── MethodUnknown      nobody here knows its method                   501
    │   └── Crowded            there are too many connections                 503
    ├── Unsendable             an answer that HTTP/1.1 cannot carry           502
    └── UpstreamError          the upstream gave no usable answer              502
        ├── UpstreamUnreachable    no connection                              502
        │   └── UpstreamBusy       too many requests are there already        503
        ├── UpstreamBroken         the connection or the message broke off    502
        └── UpstreamTimeout        one of its time-outs ran out               504

Foreign errors are mapped to these once, at the rim; nothing below the rim knows httpx or ASGI.
"""

from typing import ClassVar


class SidecacheError(Exception):
    """The root of every error that this package raises on purpose."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    retry_after: ClassVar[int | None] = None
    """Seconds after which the client may try again (9110 §10.2.3), None where nobody can tell."""


class InternalError(SidecacheError):
    """Something failed here in a way that nobody foresaw; the log has the details."""


class ConfigError(SidecacheError):
    """A setting is wrong; the text is complete, one problem a line, fit to be printed as it is."""

    title = "Invalid configuration"


class StoreError(SidecacheError):
    """The store that all replicas share cannot be reached; no client ever sees this."""

    status = 503
    title = "Shared store unreachable"


class CodingError(SidecacheError):
    """A coded body is not what it says, or would become larger than is allowed."""

    status = 502
    title = "Undecodable body"


class RequestError(SidecacheError):
    """The request is malformed or ambiguous and goes no further."""

    status = 400
    title = "Bad request"


class ClientGone(RequestError):
    """The client closed its connection while its request was still on the way."""


class RequestSlow(RequestError):
    """The request, or its body, came too slowly (9110 §15.5.9)."""

    status = 408
    title = "Request timed out"


class BodyTooLarge(RequestError):
    """The request's body is larger than is allowed (9110 §15.5.14)."""

    status = 413
    title = "Content too large"


class TargetTooLong(RequestError):
    """The request's target is longer than is allowed (9110 §15.5.15)."""

    status = 414
    title = "URI too long"


class ExpectationUnmet(RequestError):
    """The request expects something other than 100-continue (9110 §10.1.1)."""

    status = 417
    title = "Expectation failed"


class Misdirected(RequestError):
    """The request names a host that is not served here (9110 §15.5.20)."""

    status = 421
    title = "Misdirected request"


class HeadTooLarge(RequestError):
    """The request's head has more bytes or fields than is allowed (6585 §5)."""

    status = 431
    title = "Request header fields too large"


class MethodUnknown(RequestError):
    """The request's method is one that this proxy does not know (9110 §9.1)."""

    status = 501
    title = "Method not implemented"


class Crowded(RequestError):
    """There are more connections than are served at once."""

    status = 503
    title = "Too many connections"


class Unsendable(SidecacheError):
    """An answer is such that HTTP/1.1 cannot carry it; nothing of it has been sent."""

    status = 502
    title = "Unusable answer"


class UpstreamError(SidecacheError):
    """The upstream gave no usable answer."""

    status = 502
    title = "Bad gateway"


class UpstreamUnreachable(UpstreamError):
    """No connection to the upstream could be made."""

    title = "Upstream unreachable"


class UpstreamBusy(UpstreamUnreachable):
    """The upstream has as many requests as are allowed; this one was not sent."""

    status = 503
    title = "Upstream busy"
    retry_after = 1


class UpstreamBroken(UpstreamError):
    """The upstream's connection or message ended before it was whole."""

    title = "Upstream broke off"


class UpstreamTimeout(UpstreamError):
    """The upstream did not connect, answer or go on in time."""

    status = 504
    title = "Upstream timed out"
