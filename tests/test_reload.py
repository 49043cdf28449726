"""Reload: a changed file takes the place of the settings in force whole, or not at all."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy import reload
from proxy.admin.control import Outcome
from proxy.errors import ConfigError
from proxy.reload import Given, Plan, Reloader, Written, carried_over, unchangeable
from proxy.settings import Settings, load

PATIENCE = 10.0
UPSTREAM = "upstream: {url: http://127.0.0.1:9}\n"
RULED = UPSTREAM + "rules: [{name: one, ttl: 5s}]\n"
WRONG = UPSTREAM + "rules: [{name: one, tll: 5s}]\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "sidecache.yaml"
    file.write_text(UPSTREAM)
    return file


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "PERIOD", 0.01)


class Stage:
    """A reloader of a file, and the plans that it has put in force."""

    def __init__(self, file: Path, **environ: str) -> None:
        self.source = Written(file, {}, environ)
        self.plans: list[Plan] = []
        settings = self.source.read().settings
        self.reloader = Reloader(self.source, settings, self.plans.append)

    @property
    def names(self) -> list[str]:
        """The names of the file's own rules that are in force."""
        return [rule.name for rule in self.plans[-1].settings.rules]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - polled
                await asyncio.sleep(0.005)


async def test_a_new_file_is_put_in_force(file: Path) -> None:
    stage = Stage(file)
    file.write_text(RULED)
    done = await stage.reloader.reload()
    assert (done.outcome, done.generation, done.restart) == (Outcome.APPLIED, 2, ())
    assert stage.names == ["one"]
    assert stage.plans[-1].ruleset.rules[0].terms.ttl == 5.0
    assert stage.plans[-1].ruleset.rules[0].place == f"{file}:2"


async def test_a_wrong_file_changes_nothing_and_says_where(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(file)
    file.write_text(WRONG)
    done = await stage.reloader.reload()
    assert (done.outcome, done.generation) == (Outcome.REFUSED, 1)
    assert done.errors == stage.reloader.refused
    assert done.errors[0].startswith(f"{file}:2:")
    assert "rules[0].tll" in done.errors[0]
    assert done.errors[0] in caplog.text
    assert stage.plans == []
    file.write_text(RULED)
    assert (await stage.reloader.reload()).outcome is Outcome.APPLIED
    assert stage.reloader.refused == ()
    assert stage.reloader.outcomes == {Outcome.APPLIED: 1, Outcome.REFUSED: 1}


async def test_a_file_that_is_gone_is_refused(file: Path) -> None:
    stage = Stage(file)
    file.unlink()
    assert (await stage.reloader.reload()).outcome is Outcome.REFUSED


async def test_what_only_a_restart_changes_is_named_and_stays(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(file)
    file.write_text(
        "upstream: {url: http://127.0.0.1:10, timeouts: {first_byte: 7s}}\n"
        "listen: 127.0.0.1:1\nadmin: 127.0.0.1:2\n"
        "store: {memory: {max_bytes: 1MiB}, redis: {url: redis://r:6379}}\n"
        "log: {access: all}\nrules: [{name: one}]\n"
    )
    done = await stage.reloader.reload()
    assert done.restart == ("listen", "store", "admin.listen", "upstream.url")
    assert "listen, store, admin.listen, upstream.url" in caplog.text
    settings, before = stage.plans[-1].settings, load(None, {"upstream": "http://127.0.0.1:9"}, {})
    assert (settings.listen, settings.admin.listen) == (before.listen, before.admin.listen)
    assert (settings.store, settings.upstream.url) == (before.store, before.upstream.url)
    assert settings.upstream.timeouts.first_byte == 7.0
    assert settings.log.access.value == "all"
    assert stage.plans[-1].ruleset.rules[0].terms.timeouts.first_byte == 7.0
    assert (await stage.reloader.reload()).restart == done.restart  # it still differs


def test_what_does_not_differ_needs_no_restart(file: Path) -> None:
    settings = Written(file, {}, {}).read().settings
    assert unchangeable(settings, settings) == ()
    assert carried_over(settings, settings) == settings


async def test_a_changed_file_is_noticed(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stage = Stage(file)
    stage.reloader.start()
    file.write_text(RULED)
    await stage.until(lambda: stage.plans)
    assert stage.names == ["one"]
    file.write_text(WRONG)
    await stage.until(lambda: stage.reloader.refused)
    file.write_text(UPSTREAM)
    await stage.until(lambda: len(stage.plans) > 1)
    assert stage.names == []
    assert "generation 3" in caplog.text
    await stage.reloader.aclose()


async def test_a_file_that_does_not_change_is_not_read(file: Path) -> None:
    stage = Stage(file)
    stage.reloader.start()
    await asyncio.sleep(0.1)
    file.touch()
    await asyncio.sleep(0.1)
    assert stage.reloader.outcomes == {Outcome.APPLIED: 0, Outcome.REFUSED: 0}
    await stage.reloader.aclose()


async def test_links_that_change_are_noticed_again_and_again(tmp_path: Path) -> None:
    """As Kubernetes updates a ConfigMap: one link in the path is swapped for another."""

    def swap(number: int, text: str) -> None:
        folder = tmp_path / f"..{number}"
        folder.mkdir()
        (folder / "sidecache.yaml").write_text(text)
        fresh = tmp_path / "..data_tmp"
        fresh.symlink_to(folder.name)
        fresh.rename(tmp_path / "..data")

    swap(0, UPSTREAM)
    (tmp_path / "sidecache.yaml").symlink_to("..data/sidecache.yaml")
    stage = Stage(tmp_path / "sidecache.yaml")
    stage.reloader.start()
    for number in (1, 2, 3):
        swap(number, RULED.replace("one", f"rule-{number}"))
        await stage.until(lambda: stage.plans and stage.names == [f"rule-{number}"])  # noqa: B023 - awaited here
    await stage.reloader.aclose()


async def test_a_token_s_file_is_looked_at_too(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("a-token-that-is-long-enough\n")
    tokens = f"admin: {{tokens: [{{name: ops, role: admin, file: {secret}}}]}}\n"
    file.write_text(UPSTREAM + tokens)
    stage = Stage(file)
    stage.reloader.start()
    secret.write_text("another-token-that-is-long-enough\n")
    await stage.until(lambda: stage.plans)
    first = stage.plans[-1].tokens
    secret.write_text("short\n")
    await stage.until(lambda: stage.reloader.refused)
    assert "shorter" in stage.reloader.refused[0]
    assert stage.plans[-1].tokens == first
    await stage.reloader.aclose()


async def test_a_bug_in_a_reload_does_not_end_the_watch(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(file)

    def fail(plan: Plan) -> None:
        stage.plans.append(plan)
        if len(stage.plans) == 1:
            raise RuntimeError("a bug")

    stage.reloader = Reloader(stage.source, stage.source.read().settings, fail)
    stage.reloader.start()
    file.write_text(RULED)
    await stage.until(lambda: stage.plans)
    file.write_text(UPSTREAM)
    await stage.until(lambda: len(stage.plans) > 1)
    assert "cannot be reloaded" in caplog.text
    await stage.reloader.aclose()


async def test_one_at_a_time(file: Path) -> None:
    stage = Stage(file)
    file.write_text(RULED)
    done = await asyncio.gather(*(stage.reloader.reload() for _ in range(3)))
    assert [each.generation for each in done] == [2, 3, 4]


async def test_settings_without_a_file_are_what_they_are() -> None:
    settings = Settings.model_validate({"upstream": {"url": "http://127.0.0.1:9"}})
    given, plans = Given(settings, "play", {}), list[Plan]()
    reloader = Reloader(given, settings, plans.append)
    assert (await reloader.reload()).outcome is Outcome.APPLIED
    assert plans[0].settings == settings


def test_without_a_file_flags_and_variables_count(file: Path) -> None:
    assert Written(None, {"upstream": "http://127.0.0.1:9"}, {}).name == "settings"
    assert Written(file, {}, {}).name == str(file)
    with pytest.raises(ConfigError):
        Written(None, {}, {}).read()
