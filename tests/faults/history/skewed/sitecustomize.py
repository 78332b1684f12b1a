"""On the path of a process whose clock is to be wrong, where libfaketime is not to be had: time.time() is off."""

import os
import time

_true_time = time.time
_skew_s = float(os.environ.get("CLOCK_SKEW_S", "0"))


def _skewed() -> float:
    return _true_time() + _skew_s


if _skew_s:
    time.time = _skewed
