"""What a webhook job may ask for, as rules that JSON Schema and pydantic read alike.

`not` stands beside `pattern` throughout: in Python's regular expressions, with which the API checks, `$` lets a final
newline pass.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

# Headers that carry the signature, frame the message, or steer the connection.
_RESERVED = (
    *("accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect"),
    *("host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
    *("webhook-id", "webhook-signature", "webhook-timestamp"),
)


def _any_case(names: tuple[str, ...]) -> str:
    """A regular expression for any of `names` in any case, written so that every dialect reads it alike."""
    spelled = ("".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in name) for name in names)
    return f"^(?:{'|'.join(spelled)}|[pP][rR][oO][xX][yY]-.*)$"


_RESERVED_PATTERN = _any_case(_RESERVED)
_TOKEN_PATTERN = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$"  # noqa: S105 (a token of RFC 9110, not a password)
_VALUE_PATTERN = r"^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$"


def _not_reserved(headers: dict[str, str]) -> dict[str, str]:
    taken = sorted(name for name in headers if name.lower() in _RESERVED or name.lower().startswith("proxy-"))
    if taken:
        raise ValueError(f"{', '.join(taken)}: set by the delivery itself")
    return headers


WebhookUrl = Annotated[
    str,
    Field(
        description="http or https; no user name, no fragment",
        max_length=2_048,
        pattern=r"^https?://[^\s\x00-\x20/?#@\\]+(?:[/?][^\s\x00-\x20#\\]*)?$",
        json_schema_extra={"not": {"pattern": r"\s"}},
    ),
]
EventType = Annotated[
    str,
    Field(
        description="names of letters, digits and _, separated by full stops",
        max_length=200,
        pattern=r"^[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*$",
        json_schema_extra={"not": {"pattern": r"\s"}},
    ),
]
HeaderValue = Annotated[
    str,
    Field(max_length=4_096, pattern=_VALUE_PATTERN, json_schema_extra={"not": {"pattern": r"[\r\n]"}}),
]
CustomHeaders = Annotated[
    dict[Annotated[str, Field(pattern=_TOKEN_PATTERN)], HeaderValue],
    Field(
        description="further request headers; those of the signature and of HTTP itself can not be set",
        max_length=50,
        json_schema_extra={
            "propertyNames": {
                "allOf": [
                    {"pattern": _TOKEN_PATTERN},
                    {"not": {"pattern": r"[\r\n]"}},
                    {"not": {"pattern": _RESERVED_PATTERN}},
                ]
            }
        },
    ),
    AfterValidator(_not_reserved),
]
