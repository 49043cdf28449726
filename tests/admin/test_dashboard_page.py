"""The page at `/` in a real browser, before replicas through which requests flow."""

import signal
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Route, expect

from tests.admin.desk import Desk
from tests.admin.stage import ADMIN, BROWSER, READ, Scheme, Stage, Visit, opened, visit
from tests.cli.serving import served
from tests.redis.servers import until

SELDOM = 5
"""Looks of the page at the numbers, for each at what changes less often."""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with opened(tmp_path_factory.mktemp("stage")) as one:
        yield one


@pytest.fixture
def there(stage: Stage) -> Iterator[Visit]:
    """Open the page of the first replica; nobody has used a token there yet."""
    with visit(stage, stage.replicas[0].admin) as one:
        yield one


def test_numbers_follow_the_requests(stage: Stage, there: Visit) -> None:
    there.enter()
    stage.ask("/products/1", "/products/1", "/products/1", "/me")
    there.later()
    row = there.page.locator("#rules tr", has_text="product")
    row.wait_for()
    assert row.locator("td").nth(1).inner_text().startswith("66.7 %")
    assert there.tile("Hit ratio") == "66.7 %"
    assert there.page.locator("#forwards").inner_text().count("uri-miss") == 1
    assert "The rule says cache: off." in there.page.locator("#forwards").inner_text()
    assert there.page.locator("#latency tr", has_text="hit").count() == 1
    stage.ask(*["/products/1"] * 5)
    there.later()
    there.page.locator("#rules tr", has_text="87.5 %").wait_for()
    there.page.get_by_label("Charts of").select_option("account")
    expect(there.page.locator("#outcomes-legend li")).to_have_count(2)  # and `now`
    assert "bypass" in there.page.locator("#outcomes-legend").inner_text()
    until(partial(both_replicas, there), "both replicas to be listed")


def both_replicas(there: Visit) -> bool:
    """Tell whether both are listed, having had the page look once more."""
    there.later()
    return there.page.locator("#replicas tbody tr").count() == 2


def test_without_a_good_token_nothing_is_shown(there: Visit) -> None:
    door = there.page.get_by_role("region", name="Sign in")
    door.get_by_text("This proxy asks for a token.").wait_for()
    there.refusals.add("401")
    door.get_by_label("Token").fill("unknown-to-anybody")
    there.page.keyboard.press("Enter")
    door.get_by_text("That token is unknown here.").wait_for()
    assert there.page.locator("#board").is_hidden()
    assert there.page.locator("#tiles").inner_text() == ""


def test_a_purge_by_keyboard_alone_ends_with_every_replica(stage: Stage, there: Visit) -> None:
    stage.ask("/products/2", "/products/2")
    keyboard = there.page.keyboard
    there.page.locator("#token:focus").wait_for()
    keyboard.type(ADMIN)
    keyboard.press("Enter")
    there.inside()
    walk_to(there, "purge-names")
    keyboard.type("product:2")
    walk_to(there, "purge-wait")
    keyboard.press("Tab")
    keyboard.press("Enter")
    said = there.page.get_by_role("status").filter(has_text="Complete: 2 of 2 replicas")
    said.wait_for()
    assert "product:2" in said.inner_text()
    assert there.page.locator("#purge-receipt tbody tr").count() == 2
    assert there.page.locator("#purge-receipt .confirmed").count() == 2
    there.page.locator("#purges tr", has_text="product:2").filter(has_text="complete").wait_for()


def test_a_receipt_is_followed_until_the_last_replica_has_confirmed(
    stage: Stage, there: Visit
) -> None:
    there.enter()
    there.page.get_by_label("Tags, one a line").fill("product:3")
    other = stage.replicas[1].process
    other.send_signal(signal.SIGSTOP)
    try:
        there.page.get_by_role("button", name="Purge", exact=True).click()
        said = there.page.locator("#purge-said")
        said.get_by_text("Pending: 1 of 2 replicas").wait_for()
        marks = there.page.locator("#purge-receipt .mark")
        assert sorted(marks.all_inner_texts()) == ["confirmed", "pending"]
    finally:
        other.send_signal(signal.SIGCONT)
    there.page.get_by_text("Complete: 2 of 2 replicas").wait_for()
    assert marks.all_inner_texts() == ["confirmed"] * 2


def walk_to(there: Visit, name: str) -> None:
    """Go on by Tab until a field has the focus, which has to be visible wherever it is."""
    for _ in range(40):
        there.page.keyboard.press("Tab")
        focus = there.page.evaluate(
            "[document.activeElement.id, getComputedStyle(document.activeElement).outlineStyle]"
        )
        assert focus[1] == "solid"
        if focus[0] == name:
            return
    raise AssertionError(f"Tab does not lead to {name}")


def test_who_may_read_is_told_what_purging_needs(stage: Stage, there: Visit) -> None:
    there.enter(READ)
    assert there.page.get_by_role("button", name="Purge", exact=True).count() == 0
    assert "role purge or admin" in there.page.locator("#purge-closed").inner_text()
    there.page.get_by_label("URL, or a path").fill(f"{stage.replicas[0].url}/products/77")
    there.page.get_by_label("Fields, one a line").fill("Accept-Encoding: br")
    there.page.keyboard.press("Tab")
    there.page.keyboard.press("Enter")
    story = there.page.locator("#explain-story")
    story.get_by_text("uri-miss").wait_for()
    assert "the shared store, then the upstream" in story.inner_text()


def test_a_line_that_is_no_field_is_not_asked_about(there: Visit) -> None:
    there.enter(READ)
    there.page.get_by_label("URL, or a path").fill("/products/1")
    fields = there.page.get_by_label("Fields, one a line")
    for wrong in ("no colon", "two words: x", ": x", "a: b\nno colon"):
        fields.fill(wrong)
        there.page.get_by_role("button", name="Explain").click()
        assert fields.evaluate("node => node.validationMessage").startswith("A field is like")
    assert not [each for each in there.asked if "/v1/explain" in each]
    fields.fill("\nAccept-Language: de\n")
    there.page.get_by_role("button", name="Explain").click()
    there.page.locator("#explain-story dd").first.wait_for()


def test_a_url_that_is_none_is_told_in_the_apis_own_words(there: Visit) -> None:
    there.enter(READ)
    there.refusals.add("422")
    there.page.get_by_label("URL, or a path").fill("http://")
    there.page.get_by_role("button", name="Explain").click()
    there.page.locator("#explain-said.bad").wait_for()
    assert there.page.locator("#explain-said").inner_text()
    assert there.page.locator("#explain-story").inner_text() == ""


def test_a_proxy_without_tokens_is_looked_at(stage: Stage) -> None:
    with visit(stage, stage.tokenless) as there:
        there.inside()
        assert there.page.locator("#purge").is_hidden()
        assert "SIDECACHE_ADMIN_TOKEN" in there.page.locator("#purge-closed").inner_text()
        assert "stands alone" in there.page.locator("#health").inner_text()
        assert there.page.get_by_role("button", name="Forget the token").count() == 0


def test_everything_is_purged_only_by_who_means_it(there: Visit) -> None:
    there.enter()
    there.page.locator("#purge-kind").select_option("everything")
    there.page.get_by_role("button", name="Purge", exact=True).click()
    assert there.page.locator("#purge-sure:invalid").count() == 1
    assert not [each for each in there.asked if each.endswith("/v1/purge")]
    there.page.get_by_label("I mean everything").check()
    there.page.get_by_role("button", name="Only count").click()
    there.page.get_by_text("nothing is purged").wait_for()


def test_what_comes_from_outside_is_text(there: Visit) -> None:
    there.enter()
    tag = "<img src=x onerror=alert(1)>"
    there.page.get_by_label("Tags, one a line").fill(tag)
    there.page.get_by_role("button", name="Purge", exact=True).click()
    there.page.locator("#purges tr", has_text=tag).wait_for()
    assert there.page.locator("main img").count() == 0


def test_the_token_is_in_no_url_and_no_cookie_and_can_be_forgotten(there: Visit) -> None:
    there.enter()
    assert there.page.context.cookies() == []
    assert there.page.evaluate("Object.values(localStorage)") == []
    there.page.reload()
    there.inside()  # this tab still knows it
    there.page.get_by_role("button", name="Forget the token").click()
    there.page.locator("#token:focus").wait_for()
    assert there.page.evaluate("Object.values(sessionStorage)") == []
    assert not [each for each in there.asked if ADMIN in each]


def test_a_proxy_that_is_gone_is_said_to_be(there: Visit) -> None:
    there.enter()
    alert = there.page.get_by_role("alert")
    errors = len(there.errors)
    there.page.context.set_offline(True)
    there.later()
    alert.get_by_text("does not answer").wait_for()
    there.page.context.set_offline(False)
    there.later()
    alert.wait_for(state="hidden")
    lost, there.errors[errors:] = there.errors[errors:], []
    assert all("ERR_INTERNET_DISCONNECTED" in each for each in lost)


def test_without_the_shared_store_the_rest_is_shown(there: Visit) -> None:
    told = {"status": 503, "json": {"detail": "Nobody there."}}
    there.refusals.add("503")
    there.page.route("**/v1/replicas?", lambda route: route.fulfill(**told))
    there.enter()
    there.page.locator("#replicas", has_text="Nobody there.").wait_for()
    assert there.page.get_by_role("alert").count() == 0


def test_while_the_shared_store_is_left_alone_nobody_is_asked_who_is_in_it(there: Visit) -> None:
    def alone(route: Route) -> None:
        stats = route.fetch().json()
        stats["redis"]["usable"] = False
        route.fulfill(json=stats)

    there.page.route("**/v1/stats?", alone)
    there.enter()
    there.page.locator("#replicas", has_text="The shared store is left alone").wait_for()
    assert not [each for each in there.asked if "/v1/replicas" in each]


def test_it_asks_no_more_while_it_is_paused(there: Visit) -> None:
    there.enter()
    pause = there.page.get_by_role("button", name="Pause")
    pause.click()
    assert pause.get_attribute("aria-pressed") == "true"
    there.page.wait_for_load_state("networkidle")
    asked = len(there.asked)
    there.later()
    assert there.page.locator("#board").is_visible()
    assert len(there.asked) == asked
    with there.page.expect_request("**/v1/stats?"):
        pause.click()


def test_why_it_misses_is_told_with_the_rule_that_would_have_it_hit(
    stage: Stage, there: Visit
) -> None:
    there.enter()
    stage.ask("/", "/")
    there.page.get_by_label("URL, or a path").fill("/")
    there.page.get_by_role("button", name="Explain").click()
    story = there.page.locator("#explain-story")
    story.get_by_text("no-lifetime").wait_for()
    assert f"GET {stage.replicas[0].url}/" in story.inner_text()
    assert story.locator("pre").inner_text() == '- name: root\n  match: {path: "/"}\n  ttl: 1m'


def test_what_is_held_elsewhere_is_told_and_of_whom(stage: Stage) -> None:
    url, other = f"{stage.replicas[0].url}/products/5", stage.replicas[1].admin
    headers = {"Authorization": f"Bearer {READ}"}

    def story() -> Any:  # noqa: ANN401 - JSON
        return httpx.get(f"{other}/v1/explain", params={"url": url}, headers=headers).json()

    stage.ask("/products/5")
    until(lambda: bool(story()["shared"]), "it to be in the shared store")
    own = [{"worker": 0, "memory": []}, {"worker": 1, "memory": story()["shared"]}]
    with visit(stage, other) as there:
        there.page.route("**/v1/explain?*", lambda r: r.fulfill(json=story() | {"workers": own}))
        there.enter(READ)
        there.page.get_by_label("URL, or a path").fill(url)
        there.page.get_by_role("button", name="Explain").click()
        there.page.locator("#explain-said", has_text="The shared store has something").wait_for()
        titles = there.page.locator("#explain-story h3").all_inner_texts()
    memories = [f"Held in memory of worker {number}" for number in (0, 1)]
    assert titles == [*memories, "Held in the shared store"]


def test_a_ratio_is_drawn_though_there_was_none_before_and_after_it(there: Visit) -> None:
    def told(route: Route) -> None:
        history = route.fetch().json()
        now = history["times"][-1]
        history["times"] = [now - ago for ago in (30, 20, 10, 0)]
        history["outcomes"] = {"hit": [0, 3, 0], "miss": [0, 1, 0]}
        route.fulfill(json=history)

    there.page.route("**/v1/history?*", told)
    there.enter()
    there.page.locator("#ratio canvas").wait_for()
    assert there.page.evaluate(LONGEST_LINE) >= 10


LONGEST_LINE = """() => {
  const canvas = document.querySelector("#ratio canvas"), pen = canvas.getContext("2d");
  const name = getComputedStyle(document.documentElement).getPropertyValue("--hit").trim();
  const wanted = [1, 3, 5].map((at) => parseInt(name.slice(at, at + 2), 16));
  const {data} = pen.getImageData(0, 0, canvas.width, canvas.height);
  let longest = 0, run = 0;
  for (let at = 0; at < data.length; at += 4) {
    run = wanted.every((value, part) => data[at + part] === value) ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}"""
"""Pixels of the longest level line in the colour of hits."""


ADVICE = {
    "rules": [
        {
            "rule": "product",
            "place": "sidecache.yaml:12",
            "mode": "live",
            "quarantined": False,
            "advice": [
                {"about": "lifetime", "text": "They may live longer.", "change": "ttl: 10m\n"}
            ],
        },
        {"rule": "default", "place": "", "mode": "live", "quarantined": False, "advice": []},
    ]
}


def test_advice_is_shown_where_the_proxy_gives_it(there: Visit) -> None:
    """By answers in its place: whether there is any depends on much traffic."""
    there.page.route("**/openapi.json", lambda r: r.fulfill(json={"paths": {"/v1/advice": {}}}))
    there.page.route("**/v1/advice?", lambda r: r.fulfill(json=ADVICE))
    there.enter()
    panel = there.page.get_by_role("region", name="Advice")
    panel.get_by_text("They may live longer.").wait_for()
    assert panel.locator("h3").all_inner_texts() == ["product sidecache.yaml:12"]
    assert panel.locator("pre").inner_text() == "ttl: 10m"


def out_of_use(*names: str) -> Desk:
    """Return a proxy of which some rules are in quarantine."""
    desk = Desk()
    desk.play.under(*({"name": name} for name in names), {"name": "default"})
    corridor = desk.play.corridor
    corridor.snapshot = replace(corridor.snapshot, quarantined=frozenset(names))
    return desk


def test_a_quarantine_is_ended_by_keyboard_by_who_means_it(stage: Stage) -> None:
    desk = out_of_use("product", "account")
    with served(desk.listener) as url, visit(stage, url) as there:
        there.enter()
        panel = there.page.get_by_role("region", name="Quarantine")
        button = panel.get_by_role("button", name="Use the rule product again")
        button.focus()
        there.page.once("dialog", lambda dialog: dialog.dismiss())
        there.page.keyboard.press("Enter")
        assert desk.play.corridor.snapshot.quarantined == {"product", "account"}
        for _ in range(SELDOM):
            there.later()
        assert button.evaluate("node => node === document.activeElement")  # it is still there
        assert violations(there) == []
        there.page.once("dialog", lambda dialog: dialog.accept())
        there.page.keyboard.press("Enter")
        there.page.get_by_role("status").filter(has_text="product is in use again").wait_for()
        button.wait_for(state="detached")
        assert there.page.evaluate("document.activeElement.id") == "quarantine-said"
        assert desk.play.corridor.snapshot.quarantined == {"account"}
        there.page.once("dialog", lambda dialog: dialog.accept())
        panel.get_by_role("button", name="Use the rule account again").click()
        panel.wait_for(state="hidden")


def test_who_may_not_end_a_quarantine_is_told_what_it_takes(stage: Stage) -> None:
    with served(out_of_use("product").listener) as url, visit(stage, url) as there:
        there.enter(READ)
        panel = there.page.get_by_role("region", name="Quarantine")
        panel.get_by_text("takes a token of role admin").wait_for()
        assert panel.locator("li").all_inner_texts() == ["product"]
        assert panel.get_by_role("button").count() == 0


@pytest.mark.parametrize(("scheme", "width"), [("light", 1_280), ("dark", 360)])
def test_it_can_be_read_by_all(stage: Stage, scheme: Scheme, width: int) -> None:
    """By axe: names, roles, order, contrast; and nothing is wider than the window."""
    stage.ask("/products/9", "/products/9")
    with visit(stage, stage.replicas[0].admin, scheme, width) as there:
        there.page.locator("#token:focus").wait_for()
        assert violations(there) == []
        there.enter()
        there.page.get_by_text("Both charts as a table").click()
        there.page.get_by_label("URL, or a path").fill("/products/1")
        there.page.get_by_role("button", name="Explain").click()
        there.page.locator("#explain-story dd").first.wait_for()
        there.page.get_by_label("Tags, one a line").fill("nothing")
        there.page.get_by_role("button", name="Purge", exact=True).click()
        there.page.locator("#purge-receipt .confirmed").first.wait_for()
        assert violations(there) == []
        wide = "document.documentElement.scrollWidth <= innerWidth"
        assert there.page.evaluate(wide)


def violations(there: Visit) -> list[str]:
    """Return what axe objects to."""
    found = Axe().run(there.page).response["violations"]
    return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]
