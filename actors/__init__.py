"""Job types, one folder each. `dramatiq aeon_jobs.actors` imports this package, which imports every module in it.

Other teams name their modules beside it: `dramatiq aeon_jobs.actors their.jobs`.

May import `middleware` and `persistence`.
"""

from __future__ import annotations

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

# After discovery: it reports a broken module by name, and gives the names `job` … to the modules.
from aeon_jobs.actors.data_processing.actor import data_processing  # noqa: E402
from aeon_jobs.actors.email_notification.actor import email_notification  # noqa: E402
from aeon_jobs.actors.webhook_delivery.actor import webhook_delivery  # noqa: E402
from aeon_jobs.middleware.execution.running import current_job  # noqa: E402
from aeon_jobs.middleware.job import job  # noqa: E402

__all__ = ["current_job", "data_processing", "email_notification", "job", "webhook_delivery"]
