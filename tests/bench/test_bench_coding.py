"""The bench of codings: its tables, its bodies, and a short run beside a real nginx."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from bench import coding, coding_report, press
from bench.bodies import SIZES, body
from bench.child import Cores
from bench.coding import Delay, Sample, Samples
from bench.errors import BenchError
from bench.rounds import Plan
from bench.servers import Server
from proxy.coding.coder import PooledCoder
from proxy.http.codings import Coding

needs_wrk = pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")

SAMPLES = Samples(
    {
        ("10 KB", "nginx gzip"): [
            Sample(10_000, 3_000, 100, spent) for spent in (0.01, 0.02, 0.01)
        ],
        ("10 KB", "br quick"): [Sample(10_000, 1_500, 200, spent) for spent in (0.02, 0.02, 0.06)],
        ("1 MB", "br quick"): [Sample(1_000_000, 250_000, 10, 0.1)],
    },
    {
        ("any", "idle"): [Delay(100, 200, 1_000, 0, 0)],
        ("any", "both"): [Delay(100, 1_000, 2_500, 99.6, 1.25), Delay(300, 1_200, 2_000, 100, 1.0)],
        ("one", "idle"): [Delay(120, 250, 1_100, 0, 0)],
    },
)


def test_tables() -> None:
    assert "\n".join(coding_report.rows(SAMPLES)) == (
        "body     coding             bytes     coded   of it      x    CPU ms      x\n"
        "10 KB    nginx gzip        10,000     3,000   30.0%   1.00     0.100   1.00\n"
        "         br quick          10,000     1,500   15.0%   0.50     0.100   1.00\n"
        "1 MB     br quick       1,000,000   250,000   25.0%           10.000       \n"
        "\n"
        "core     delay             p50 ms    p99 ms    max ms  quick/s   best/s\n"
        "any      idle                0.10      0.20      1.00        0      0.0\n"
        "         both                0.20      1.10      2.50      100      1.1\n"
        "one      idle                0.12      0.25      1.10        0      0.0"
    )


def test_data_holds_every_round() -> None:
    told = coding_report.data(SAMPLES)
    assert [(one.get("body"), one.get("coding")) for one in told[:3]] == list(SAMPLES.bodies)
    assert [(one.get("core"), one.get("work")) for one in told[3:]] == list(SAMPLES.delays)
    assert told[2]["rounds"] == [
        {"size": 1_000_000, "packed": 250_000, "bodies": 10, "cpu_seconds": 0.1}
    ]
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_bodies_are_json_of_that_size(size: int) -> None:
    products = json.loads(body(size))
    assert len({product["id"] for product in products}) == len(products)
    assert size <= len(body(size)) < size + 1_000


def test_bodies_are_the_same_every_time() -> None:
    assert body.__wrapped__(10_000) == body(10_000)
    assert body(100_000).startswith(body(10_000)[:-1])


async def test_the_press_encodes() -> None:
    coder = PooledCoder()
    told = json.loads(await press.encode(coder, 10_000, Coding.GZIP, "quick", 0.05))
    assert told["bodies"] == coder.stats.encoded["gzip", "quick"] - 1
    assert 1_000 < told["packed"] < told["size"] / 2
    assert told["cpu_seconds"] >= 0
    await coder.aclose()


async def test_the_press_tells_delays() -> None:
    coder = PooledCoder()
    told = Delay(**json.loads(await press.delay(coder, "both", 0.3)))
    assert told.p50_us <= told.p99_us <= told.max_us
    assert told.quick_per_second > 0
    await coder.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@needs_wrk
def test_a_short_run() -> None:
    sizes = {"10 KB": SIZES["10 KB"]}
    samples = coding.measure(Plan(rounds=1, seconds=0.5), Cores.here(), sizes, ["both"])
    nginx = ["nginx gzip", "nginx gzip 5"] if shutil.which("nginx") else []
    ours = [f"{coding} {level}" for coding in ("br", "zstd", "gzip") for level in ("quick", "best")]
    assert [name for _, name in samples.bodies] == nginx + ours
    for [one] in samples.bodies.values():
        assert one.bodies > 0
        assert one.size == len(body(SIZES["10 KB"]))
        assert one.packed < one.size / 2
    assert {work for _, work in samples.delays} == {"both"}


@pytest.mark.parametrize("name", ["nginx", "nginx gzip"])
def test_another_body_is_an_error(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = coding.Bench(0.2, tmp_path, Cores(None, None), {name: Server(name, 1, 1)})
    monkeypatch.setattr(coding, "fetched", lambda *_: b"another")
    with pytest.raises(BenchError, match="gave another body"):
        bench.relayed(name, 10_000)


def test_a_press_that_fails_is_an_error(tmp_path: Path) -> None:
    bench = coding.Bench(0.2, tmp_path, Cores(None, None), {})
    with pytest.raises(BenchError, match=r"encode x: .*ValueError"):
        bench.press(("encode", "x"), None)
