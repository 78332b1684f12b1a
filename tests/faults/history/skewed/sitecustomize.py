"""First on the path of a process whose clock is to be wrong: time.time() and datetime.now() are off by CLOCK_SKEW_S.

Not by libfaketime: with it, time.sleep() of Python 3.11 fails with EINVAL. The monotonic clock stays right, as it does on a
machine whose clock was set.
"""

import datetime
import os
import time

_skew_s = float(os.environ.get("CLOCK_SKEW_S", "0"))
_true_time, _true_time_ns, _true_datetime = time.time, time.time_ns, datetime.datetime


class _LikeDatetime(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _true_datetime)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _true_datetime)


class _SkewedDatetime(_true_datetime, metaclass=_LikeDatetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> _true_datetime:
        return _true_datetime.fromtimestamp(time.time(), tz)


if _skew_s:
    time.time = lambda: _true_time() + _skew_s
    time.time_ns = lambda: _true_time_ns() + int(_skew_s * 1e9)
    datetime.datetime = _SkewedDatetime  # type: ignore[misc]
