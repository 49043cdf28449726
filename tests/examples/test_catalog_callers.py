"""Answers of the example catalog that depend on who asks: language, account, session."""

import httpx
import pytest

from examples.catalog.categories import preferred
from examples.catalog.store import Language

BEARER = {"Authorization": "Bearer account-7"}
LOGIN = {"user": "account-7", "password": "password-7"}


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-CH, en;q=0.9", "de"),
        ("es, fr;q=0.5, en;q=0.1", "fr"),
        ("es", "en"),
        ("en;q=0.2, *;q=0.7", "de"),
        ("de;q=0, *", "en"),
        ("de;q=5, ;;, fr", "fr"),
        ("xx," * 30 + "de", "en"),
    ],
)
def test_prefers_a_language(accepted: str, language: str) -> None:
    assert preferred(accepted) == Language(language)


@pytest.mark.parametrize(
    ("language", "name"),
    [("en", "Lamps for the hall"), ("de", "Lampen für den Flur"), ("fr", "Lampes pour l'entrée")],
)
def test_categories_are_translated(client: httpx.Client, language: str, name: str) -> None:
    response = client.get("/categories/lamps-hall", headers={"Accept-Language": language})
    assert response.json() == {"slug": "lamps-hall", "name": name}
    assert response.headers["vary"] == "Accept-Language"
    assert response.headers["content-language"] == language
    listed = client.get("/categories", headers={"Accept-Language": language}).json()["items"]
    assert len(listed) == 60
    assert response.json() in listed


@pytest.mark.parametrize("target", ["/me", "/me/orders"])
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Bearer account-0",
        "Bearer account-999",
        "Bearer 7",
        "Basic YWNjb3VudC03Ondyb25n",
        "Basic %",
        "Digest account-7",
    ],
)
def test_refuses_unknown_callers(
    client: httpx.Client, target: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = client.get(target, headers=headers)
    assert response.status_code == 401
    assert "Basic" in response.headers["www-authenticate"]


def test_accounts_differ(client: httpx.Client) -> None:
    seven = client.get("/me", auth=("account-7", "password-7"))
    eight = client.get("/me", headers={"Authorization": "Bearer account-8"})
    assert seven.content == client.get("/me", headers=BEARER).content
    assert (seven.json()["id"], eight.json()["id"]) == (7, 8)
    assert seven.headers["etag"] != eight.headers["etag"]
    orders = client.get("/me/orders", headers=BEARER).json()
    assert (orders["account"], len(orders["items"])) == (7, 3)


def test_login_begins_a_session_and_each_answer_renews_it(client: httpx.Client) -> None:
    login = client.post("/login", json=LOGIN)
    assert login.headers["cache-control"] == "no-store"
    assert "HttpOnly" in login.headers["set-cookie"]
    renewed = client.get("/session")
    assert renewed.json() == {"subject": "account-7"}
    assert renewed.headers["set-cookie"] == login.headers["set-cookie"]


@pytest.mark.parametrize("cookie", [None, "session=account-7", "session=account-7.f00d"])
def test_a_stranger_becomes_a_new_visitor(client: httpx.Client, cookie: str | None) -> None:
    headers = {} if cookie is None else {"Cookie": cookie}
    subjects = set()
    for _ in range(2):
        client.cookies.clear()
        subjects.add(client.get("/session", headers=headers).json()["subject"])
    assert len(subjects) == 2
    assert all(subject.startswith("visitor-") for subject in subjects)
