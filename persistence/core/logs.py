"""Loggers of modules that producers import: structlog is loaded with the first line, for most producers never log one."""

from __future__ import annotations

from typing import Any


class Logger:
    """A structlog logger, made when it is first used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        import structlog

        return getattr(structlog.get_logger(self._name), method)
