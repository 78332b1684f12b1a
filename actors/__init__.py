"""Job types. `dramatiq actors` imports this package, which imports every module in it: put a job type in a module of its
own and it is found. Others name theirs beside it: `dramatiq actors their.jobs`.

May import `middleware` and `persistence`.
"""

from __future__ import annotations

import importlib
import pkgutil

from actors.job import current_job, job

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

from actors.data_processing import data_processing  # noqa: E402 (after discovery, which reports a broken module by name)
from actors.email_notification import email_notification  # noqa: E402
from actors.webhook_delivery import webhook_delivery  # noqa: E402

__all__ = ["current_job", "data_processing", "email_notification", "job", "webhook_delivery"]
