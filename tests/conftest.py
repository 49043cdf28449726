"""What holds for every test: a busy machine is no failure."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("any", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any")

os.environ["SIDECACHE_DRAIN__DELAY"] = "0s"  # nobody balances before what the tests start
