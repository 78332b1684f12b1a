"""Which files `up --reload` watches, and what counts as a change."""

from __future__ import annotations

from pathlib import Path

import pytest

from aeon_jobs.ops import source_files
from aeon_jobs.ops.source_files import ModuleMissing, SourceFiles


@pytest.fixture(autouse=True)
def _always_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_files, "LOOK_EVERY_S", 0)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for file in ("shop.py", "helpers.py", "billing/__init__.py", "billing/tax.py", "data/notes.py", ".venv/lib.py"):
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    return tmp_path


@pytest.mark.parametrize("file", ["shop.py", "helpers.py", "billing/tax.py"])
def test_a_module_changes_with_its_folder_and_the_packages_in_it(project: Path, file: str) -> None:
    files = SourceFiles(["shop"], project)
    assert files.changed() is None
    (project / file).write_text("x = 1")
    assert files.changed() == str(project / file)
    assert files.changed() is None


@pytest.mark.parametrize("file", ["data/notes.py", ".venv/lib.py", "readme.md"])
def test_other_files_are_not_watched(project: Path, file: str) -> None:
    files = SourceFiles(["shop"], project)
    (project / file).write_text("x = 1")
    assert files.changed() is None


def test_a_package_changes_with_its_own_files_alone(project: Path) -> None:
    files = SourceFiles(["billing.tax"], project)
    (project / "shop.py").write_text("x = 1")
    assert files.changed() is None
    (project / "billing" / "vat.py").write_text("")
    assert files.changed() == str(project / "billing" / "vat.py")


def test_a_deleted_file_is_a_change(project: Path) -> None:
    files = SourceFiles(["shop"], project)
    (project / "helpers.py").unlink()
    assert files.changed() == str(project / "helpers.py")


def test_a_missing_module_is_named_and_a_file_name_is_explained(project: Path) -> None:
    source_files.verify(["shop", "billing.tax", "json"], project)
    with pytest.raises(ModuleMissing, match=f"no module named shpo in {project} or among the installed packages$"):
        source_files.verify(["shop", "shpo"], project)
    with pytest.raises(ModuleMissing, match=r"the name of a module has no \.py: shop$"):
        source_files.verify(["shop.py"], project)
