"""Options that every command has. A first parameter `output: Output` gives --json; `context: Context` gives --json and --api.

    @app.command()
    def show(context: Context, job_id: JobId) -> None: ...         # aeon-jobs show ID --json --api URL

typer reads options from the signature of a function. So the function that typer gets has a longer signature.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from aeon_jobs.ops.cli.context import ADDRESS, Context
from aeon_jobs.ops.cli.output.console import Output

Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout, and nothing else.")]
Api = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help=f"Use this API instead of the database (or set {ADDRESS}). The key comes from AEON_JOBS_API_KEY or"
        " AEON_JOBS_API_KEY_FILE.",
    ),
]


class CommandGroup(typer.Typer):
    """A group of commands."""

    def __init__(self, **options: Any) -> None:
        # Pretty exceptions show local variables, and secrets in them.
        super().__init__(no_args_is_help=True, pretty_exceptions_enable=False, **options)

    def command(  # type: ignore[override]
        self, name: str | None = None, **options: Any
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        register = super().command(name, **options)

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            register(_with_options(function))
            return function

        return decorate


def _with_options(function: Callable[..., Any]) -> Callable[..., Any]:
    parameters = list(inspect.signature(function, eval_str=True).parameters.values())
    first = parameters[0].annotation if parameters else None
    if first is Context:
        return _with_context(function, parameters[1:])
    return _with_output(function, parameters[1:]) if first is Output else function


def _with_output(function: Callable[..., Any], own: list[inspect.Parameter]) -> Callable[..., Any]:
    @wraps(function)
    def command(*, json: bool, **given: Any) -> Any:
        return function(Output(as_json=json), **given)

    return _signed(command, own, json=(Json, False))


def _with_context(function: Callable[..., Any], own: list[inspect.Parameter]) -> Callable[..., Any]:
    @wraps(function)
    def command(*, json: bool, api: str | None, **given: Any) -> Any:
        with Context(Output(as_json=json), api) as context:
            return function(context, **given)

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
