"""Disk: where data_processing reads and writes."""

from __future__ import annotations

import os
import shutil

from aeon_jobs.ops.doctor.finding import Finding, error, ok, warning
from aeon_jobs.ops.doctor.patient import Patient


def data_root(patient: Patient) -> Finding:
    name, folder = "disk of DATA_ROOT", patient.settings.data_root
    if not folder.is_dir():
        return warning(name, f"{folder} is no directory: data_processing fails", "create it, or set DATA_ROOT")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return error(name, f"{folder} cannot be written to", "give it to the user that runs the workers")
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1e9:.1f} GB free at {folder}"
    if free < patient.limits.disk_free_bytes:
        return warning(name, detail, "delete old result files, or give it more room")
    return ok(name, detail)
