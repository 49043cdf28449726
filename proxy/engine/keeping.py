"""Keeping: under which key, and whether, the response to a request is kept.

The corridor's fetches and `explain` ask here alike. This module must not know how anything is
fetched or stored.
"""

from dataclasses import replace
from typing import Final

from proxy.engine.boarding import Boarded, early, retrieval
from proxy.http.message import Head
from proxy.policy import admission
from proxy.policy.admission import Moment
from proxy.policy.reasons import Reason
from proxy.policy.verdicts import Admission, Decline
from proxy.rules.keys import selected

PASS_FOR: Final = 120.0
"""Seconds for which a key whose answer proved unshareable is not queued for."""

LASTING: Final = frozenset(
    {
        Reason.NO_STORE,
        Reason.PRIVATE,
        Reason.SET_COOKIE,
        Reason.VARY_STAR,
        Reason.FRAMING,
        Reason.TOO_LARGE,
        Reason.NO_VALIDATOR,
        Reason.NO_LIFETIME,
        Reason.UNTAGGABLE,
    }
)
"""Refusals that the next response under the key will most likely meet too."""

OF_THE_REQUEST: Final = frozenset({Reason.REQUEST_NO_STORE, Reason.CREDENTIALS})
"""Refusals that are about one request and say nothing against what is stored already."""


def home_of(boarded: Boarded) -> Boarded:
    """Return the request whose answer the response may become: a POST's is the GET of its target.

    9110 §9.3.3.
    """
    return retrieval(boarded) if boarded.outbound.method == "POST" else boarded


def cached(boarded: Boarded, home: Boarded) -> bool:
    """Tell whether the cache has a part in this request at all."""
    return (home is boarded or _seen_alike(boarded, home)) and early(home) is None


def admitted(boarded: Boarded, home: Boarded, head: Head, moment: Moment) -> Admission:
    """Decide whether a response is kept, at `home` (9111 §3)."""
    if not cached(boarded, home):
        return Decline(Reason.BYPASSED)
    return admission.judge(boarded.outbound, head, home.rule.terms, moment)


def _seen_alike(boarded: Boarded, home: Boarded) -> bool:
    """Tell whether the upstream saw no more of this request than a retrieval at `home` shows it.

    A POST goes up unselected: what home's key ignores may have shaped the answer to it.
    """
    request = replace(boarded.outbound, method="GET")
    shown = selected(home.rule, request)
    return shown.target == request.target and set(shown.fields) == set(request.fields)
