"""How commands are held that need an engine or a cluster: docker, helm, kubectl.

By what is rendered and by what the client itself checks; `make image`, `make pod` and `make chart`
do more.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from compose_pydantic import ComposeSpecification

from proxy.settings import load
from tests.docs.commands import ROOT, Command
from tests.docs.local import done
from tests.docs.world import World
from tests.helm import rendering

Json = dict[str, Any]

RELEASE: Final = "cache"
LEVELS: Final = ("privileged", "baseline", "restricted")
_IMAGES_OWN: Final = re.findall(r"^ARG (\w+)=", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def docker(command: Command, world: World) -> None:
    """Hold that files and arguments are there, and that the program takes the variables."""
    del world
    _, verb, *words = command.words
    if verb == "compose":
        compose(ROOT / words[words.index("-f") + 1])
    elif verb == "build":
        assert {each.partition("=")[0] for each in _flags(words, "--build-arg")} <= {*_IMAGES_OWN}
        assert words[-1] == "."
    elif verb in {"tag", "push"}:
        chart = yaml.safe_load((rendering.CHART / "Chart.yaml").read_text())
        assert words[-1] == f"registry.example/sidecache:{chart['appVersion']}"
    else:
        assert verb == "run"
        load(None, {}, dict(each.split("=", 1) for each in _flags(words, "-e")))
        assert words[-1] == "sidecache:dev"


def compose(file: Path) -> None:
    """Hold that it is a Compose file, whose sidecar's part the program and the image take."""
    told = yaml.safe_load(file.read_text())
    ComposeSpecification.model_validate(told)
    service = told["services"]["sidecache"]
    variables = {name: str(value) for name, value in service["environment"].items()}
    [mount] = service["volumes"]
    source, target, _ = mount.split(":")
    config = Path(variables["SIDECACHE_CONFIG"]).relative_to(target)
    settings = load((file.parent / source / config).resolve(), {}, variables)
    assert settings.admin.listen is not None
    published = {int(each.split(":")[-1]) for each in service["ports"]}
    assert published == {8080, settings.admin.listen.port}
    assert settings.store.redis is not None
    assert (file.parent / service["build"] / "Dockerfile").exists()


def helm(command: Command, world: World) -> None:
    """Hold that what it would install can be rendered."""
    del world
    _, verb, *words = command.words
    if verb == "dependency":
        assert (ROOT / words[-1]) == rendering.PARENT
        assert rendering.rendered("parent")
        return
    chart = next(ROOT / each for each in words if (ROOT / each / "Chart.yaml").exists())
    if chart == rendering.PARENT:
        assert rendering.rendered("parent")
        return
    assert list(rendering.documents(_rendered(*words)))


def _rendered(*words: str) -> dict[str, str]:
    values: Json = {}
    for file in _flags(words, "--values"):
        values |= yaml.safe_load((ROOT / file).read_text())
    for each in _flags(words, "--set"):
        path, _, value = each.partition("=")
        *outer, last = path.split(".")
        inner = values
        for name in outer:
            inner = inner.setdefault(name, {})
        inner[last] = value
    return dict(rendering.render(values, release=RELEASE))


@cache
def _gateway() -> tuple[Json, ...]:
    return tuple(rendering.documents(_rendered("--set", "config.upstream.url=http://api:80")))


def kubectl(command: Command, world: World) -> None:
    """Hold names and ports against the release; what the client checks alone, it checks."""
    words = command.words[1:]
    if words[0] == "-n":
        assert words.pop(1) == "shop"
        del words[0]
    {
        "rollout": _named,
        "logs": _named,
        "port-forward": _forwarded,
        "get": _selected,
        "create": _created,
        "apply": _applied,
        "patch": _patched,
        "label": _labelled,
        "debug": _debugged,
    }[words[0]](words, world)


def _named(words: list[str], world: World) -> None:
    del world
    [found] = [word for word in words if "/" in word]
    assert found in {f"{each['kind'].lower()}/{each['metadata']['name']}" for each in _gateway()}


def _forwarded(words: list[str], world: World) -> None:
    _named(words, world)
    name, port = words[1].partition("/")[2], int(words[2].partition(":")[2])
    [service] = [
        each for each in _gateway() if (each["kind"], each["metadata"]["name"]) == ("Service", name)
    ]
    assert port in {each["port"] for each in service["spec"]["ports"]}


def _selected(words: list[str], world: World) -> None:
    del world
    wanted = dict(each.split("=") for each in _flags(words, "--selector"))
    [deployment] = [each for each in _gateway() if each["kind"] == "Deployment"]
    assert wanted.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()


def _created(words: list[str], world: World) -> None:
    ended = done(world, "kubectl", *words, "--dry-run=client", "-o", "yaml")
    assert ended.returncode == 0, ended.stderr
    tokens = rendering.values("gateway-full-values")["adminTokens"]
    named = {(each["secret"]["name"], each["secret"]["key"]) for each in tokens}
    made = yaml.safe_load(ended.stdout)
    assert {(made["metadata"]["name"], key) for key in made["data"]} <= named


def _applied(words: list[str], world: World) -> None:
    ended = done(world, "kubectl", "kustomize", words[words.index("-k") + 1])
    assert ended.returncode == 0, ended.stderr


def _patched(words: list[str], world: World) -> None:
    del world
    [file] = _flags(words, "--patch-file")
    patch = yaml.safe_load((ROOT / file).read_text())
    values = yaml.safe_load((rendering.CHART / "values.yaml").read_text())
    label, delay = values["inject"]["label"], values["drain"]["delay"]
    template = patch["spec"]["template"]
    assert template["metadata"] == {"labels": {label["key"]: label["value"]}}
    [api] = template["spec"]["containers"]
    assert api == {"name": "api", "lifecycle": {"preStop": {"sleep": {"seconds": delay}}}}


def _labelled(words: list[str], world: World) -> None:
    del world
    assert words[-1].partition("=")[2] in LEVELS


def _debugged(words: list[str], world: World) -> None:
    at = words.index("--")
    told = dict(word.split("=", 1) for word in words[:at] if word.startswith("--"))
    ended = done(world, "kubectl", "debug", "--help")
    assert all(f"\n    {flag}=" in ended.stdout for flag in told)
    containers = [
        each["name"]
        for deployment in _gateway()
        if deployment["kind"] == "Deployment"
        for each in deployment["spec"]["template"]["spec"]["containers"]
    ]
    assert told["--target"] in containers
    own = json.loads((ROOT / told["--custom"]).read_text())["securityContext"]
    assert own["capabilities"]["add"] == ["SYS_PTRACE"]
    assert "py-spy dump --pid 1" in words[-1]


def _flags(words: list[str] | tuple[str, ...], name: str) -> list[str]:
    return [words[at + 1] for at, word in enumerate(words) if word == name]
