"""The disk that data_processing reads from and writes to."""

from __future__ import annotations

import os
import shutil

from aeon_jobs.api.service.checks.finding import Finding, error, ok, warning
from aeon_jobs.ops.doctor.context import Context


def data_root(context: Context) -> Finding:
    name, folder = "disk of DATA_ROOT", context.settings.data_root
    if not folder.is_dir():
        return warning(name, f"{folder} is not a directory: data_processing fails", "create it, or set DATA_ROOT")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return error(name, f"{folder} cannot be written to", "give it to the user that runs the workers")
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1e9:.1f} GB free at {folder}"
    if free < context.limits.disk_free_bytes:
        return warning(name, detail, "delete old result files, or add space")
    return ok(name, detail)
