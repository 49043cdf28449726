import re

import pytest

from proxy.policy.reasons import MEANINGS, Family, Reason

# What 9211 §2.2 defines for `fwd`; `miss` is for caches that cannot tell the others apart.
FWD = {"bypass", "method", "miss", "uri-miss", "vary-miss", "request", "stale", "partial"}


def test_every_reason_has_an_account() -> None:
    assert set(MEANINGS) == set(Reason)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.value)
def test_account(reason: Reason) -> None:
    account = reason.meaning
    assert re.fullmatch(r"\d{4} §[\d.]+|rule", account.clause)
    assert re.fullmatch(r"[A-Z].*[^ ]", account.sentence)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: f"9211-2.2-{reason.value}")
def test_fwd_stands_with_what_went_forward(reason: Reason) -> None:
    forward = reason.meaning.family is Family.FORWARD
    assert (reason.meaning.fwd in FWD) if forward else (reason.meaning.fwd is None)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: f"9211-2.8-{reason.value}")
def test_value_is_a_token(reason: Reason) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]*", reason.value)


def test_sentences_differ() -> None:
    assert len({account.sentence for account in MEANINGS.values()}) == len(Reason)
