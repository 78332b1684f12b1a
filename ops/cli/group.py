"""What every command has. One whose first parameter is a Output gets --json; one that wants a Desk gets --api too.

    @app.command()
    def show(desk: Desk, job_id: UUID) -> None: ...         # aeon-jobs show ID --json --api URL

typer reads options from a function's signature, so the function that it is given has another one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from aeon_jobs.ops.cli.desk import ADDRESS, Desk
from aeon_jobs.ops.cli.output.console import Output

Json = Annotated[bool, typer.Option("--json", help="Write JSON for programs, and nothing else, to stdout.")]
Api = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help=f"Talk to this API instead of the database (or {ADDRESS}). The key comes from AEON_JOBS_API_KEY or"
        " AEON_JOBS_API_KEY_FILE.",
    ),
]


class CommandGroup(typer.Typer):
    """A group of commands."""

    def __init__(self, **options: Any) -> None:
        # Pretty exceptions show local variables, secrets among them.
        super().__init__(no_args_is_help=True, pretty_exceptions_enable=False, **options)

    def command(  # type: ignore[override]
        self, name: str | None = None, **options: Any
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        register = super().command(name, **options)

        def take(function: Callable[..., Any]) -> Callable[..., Any]:
            register(_with_options(function))
            return function

        return take


def _with_options(function: Callable[..., Any]) -> Callable[..., Any]:
    parameters = list(inspect.signature(function, eval_str=True).parameters.values())
    wants = parameters[0].annotation if parameters else None
    if wants is Desk:
        return _with_desk(function, parameters[1:])
    return _with_output(function, parameters[1:]) if wants is Output else function


def _with_output(function: Callable[..., Any], own: list[inspect.Parameter]) -> Callable[..., Any]:
    @wraps(function)
    def command(*, json: bool, **given: Any) -> Any:
        return function(Output(as_json=json), **given)

    return _signed(command, own, json=(Json, False))


def _with_desk(function: Callable[..., Any], own: list[inspect.Parameter]) -> Callable[..., Any]:
    @wraps(function)
    def command(*, json: bool, api: str | None, **given: Any) -> Any:
        with Desk(Output(as_json=json), api) as desk:
            return function(desk, **given)

    return _signed(command, own, json=(Json, False), api=(Api, None))


def _signed(
    command: Callable[..., Any], own: list[inspect.Parameter], **extra: tuple[Any, object]
) -> Callable[..., Any]:
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [parameter.replace(kind=kind) for parameter in own]
    parameters += [
        inspect.Parameter(name, kind, annotation=annotation, default=default)
        for name, (annotation, default) in extra.items()
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command
