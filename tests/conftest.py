"""What holds for every test: a busy machine is no failure."""

import gc
import os
import sys

from hypothesis import HealthCheck, settings

settings.register_profile("any", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any")

os.environ["SIDECACHE_DRAIN__DELAY"] = "0s"  # nobody balances before what the tests start

# Each of the many processes would compile the proxy anew, and each run all tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_collection_finish() -> None:
    """Put ten thousand tests aside, where no collection of garbage looks at them again."""
    gc.collect()
    gc.freeze()
