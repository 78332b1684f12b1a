"""Where the command begins: what comes before the command line itself."""

from __future__ import annotations

import pytest

from aeon_jobs.ops import entry_point, extras


def test_ctrl_c_while_modules_are_imported_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(arguments: object) -> str | None:
        raise KeyboardInterrupt

    monkeypatch.setattr(extras, "missing", interrupted)
    with pytest.raises(SystemExit) as end:
        entry_point.main()
    assert (end.value.code, capsys.readouterr()) == (130, ("", ""))
