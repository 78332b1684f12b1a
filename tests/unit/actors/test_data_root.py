"""No path leads out of the folder, and a result appears whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError

from aeon_jobs.actors.data_processing.data_root import DataRoot, RelativePath, replacing
from aeon_jobs.middleware.execution.outcomes import PermanentError

PAYLOAD = TypeAdapter(RelativePath)
SCHEMA = Draft202012Validator(PAYLOAD.json_schema())

TRICKS = [
    *(
        "/etc/passwd.csv",
        "//etc/x.csv",
        "../x.csv",
        "a/../../x.csv",
        "a/..",
        "..",
        ".",
        "./x.csv",
        "a/./x.csv",
    ),
    *("a//x.csv", "a/", "", " ", "x.csv\n", "x\n.csv", "x\0.csv", "x.csv\0", "..\\x.csv", "a\\..\\x.csv"),
    *("C:\\x.csv", "~/../x.csv/..", "file:///etc/x.csv", "https://example.com/x.csv", "s3://bucket/x.csv"),
    *(
        "*.csv",
        "a[0-9].csv",
        "{a,b}.csv",
        "x?.csv",
        ".hidden.csv",
        "a/.x.csv.partial",
        "x.csv.gz",
        "x.exe",
        "x",
    ),
    *("....//x.csv", "..%2fx.csv/../y.csv", "a" * 2000 + ".csv"),
]


@pytest.fixture
def root(tmp_path: Path) -> DataRoot:
    folder = tmp_path / "root"
    (folder / "sub").mkdir(parents=True)
    (folder / "in.csv").write_text("a\n1\n")
    (folder / "sub" / "in.csv").write_text("a\n2\n")
    (tmp_path / "secret.csv").write_text("secret\n1\n")
    return DataRoot(folder)


@pytest.mark.parametrize("path", TRICKS)
def test_crude_tricks_are_refused_at_submission(path):
    assert not SCHEMA.is_valid(path)
    with pytest.raises(ValidationError):
        PAYLOAD.validate_python(path)


@pytest.mark.parametrize("path", ["a.csv", "a/b/c.parquet", "Übersicht 2026 (1).jsonl", "x..y.ndjson", "a=1/b.csv"])
def test_ordinary_paths_are_accepted(path):
    assert SCHEMA.is_valid(path)
    assert PAYLOAD.validate_python(path) == path


@given(st.text(alphabet=st.sampled_from("./\\a\n\0*~ü:"), max_size=12).map(lambda text: text + ".csv"))
@example("../secret.csv")
@example("/etc/passwd")
def test_schema_and_model_agree_and_what_passes_stays_inside(path):
    try:
        PAYLOAD.validate_python(path)
    except ValidationError:
        assert not SCHEMA.is_valid(path)
    else:
        assert SCHEMA.is_valid(json.loads(json.dumps(path)))
        assert Path(os.path.normpath(Path("/root") / path)).is_relative_to("/root")


@given(path=st.text(max_size=40) | st.lists(st.sampled_from(["..", ".", "", "sub", "in.csv", "\0"])).map("/".join))
def test_even_without_the_schema_no_path_leads_outside(tmp_path_factory, path):
    folder = tmp_path_factory.getbasetemp() / "confined"
    (folder / "sub").mkdir(parents=True, exist_ok=True)
    (folder / "in.csv").touch()
    for resolve in (DataRoot(folder).existing, DataRoot(folder).place):
        try:
            resolved = resolve(path)
        except PermanentError:
            continue
        assert Path(os.path.realpath(resolved)).is_relative_to(folder)


def test_a_file_inside_is_found(root, tmp_path):
    assert root.existing("sub/in.csv") == tmp_path / "root" / "sub" / "in.csv"


def test_a_missing_file_is_named(root):
    with pytest.raises(PermanentError, match=r"nope\.csv: no such file"):
        root.existing("nope.csv")


def test_a_link_that_leads_outside_is_refused(root, tmp_path):
    (tmp_path / "root" / "link.csv").symlink_to(tmp_path / "secret.csv")
    (tmp_path / "root" / "folder").symlink_to(tmp_path)
    for path in ("link.csv", "folder/secret.csv"):
        with pytest.raises(PermanentError, match="outside"):
            root.existing(path)
    with pytest.raises(PermanentError, match="outside"):
        root.place("folder/result.csv")
    with pytest.raises(PermanentError, match="outside"):
        root.place("folder/new/result.csv")
    assert not (tmp_path / "new").exists()


def test_a_link_that_stays_inside_may_be_read(root, tmp_path):
    (tmp_path / "root" / "link.csv").symlink_to("sub/in.csv")
    assert root.existing("link.csv") == tmp_path / "root" / "sub" / "in.csv"


def test_a_link_to_itself_is_refused(root, tmp_path):
    (tmp_path / "root" / "loop.csv").symlink_to("loop.csv")
    with pytest.raises(PermanentError):
        root.existing("loop.csv")


def test_the_root_itself_may_be_a_link(root, tmp_path):
    (tmp_path / "alias").symlink_to(tmp_path / "root")
    assert DataRoot(tmp_path / "alias").existing("in.csv") == tmp_path / "root" / "in.csv"


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_only_plain_files_are_read_or_replaced(root, tmp_path, kind):
    path = tmp_path / "root" / "odd.csv"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/null")
    for resolve in (root.existing, root.place):
        with pytest.raises(PermanentError):
            resolve("odd.csv")


def test_a_result_does_not_go_through_a_link(root, tmp_path):
    (tmp_path / "root" / "link.csv").symlink_to("in.csv")
    with pytest.raises(PermanentError, match="not a plain file"):
        root.place("link.csv")


def test_a_result_gets_its_folder_but_not_below_a_file(root, tmp_path):
    assert root.place("new/deep/out.csv").parent.is_dir()
    with pytest.raises(PermanentError, match=r"File exists|Not a directory"):
        root.place("in.csv/out.csv")
    with pytest.raises(PermanentError):
        root.existing("in.csv/x.csv")


def test_a_name_too_long_for_the_file_system_is_refused(root):
    with pytest.raises(PermanentError):
        root.existing("a" * 300 + ".csv")
    with pytest.raises(PermanentError):
        root.place("a" * 300 + ".csv")


def test_a_result_takes_its_place_when_the_block_ends_well(tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("old")
    with replacing(target, "job", 1) as partial:
        partial.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_block_that_fails_leaves_the_old_result_and_nothing_else(tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("old")

    def fail():
        with replacing(target, "job", 1) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_two_jobs_do_not_share_a_file(tmp_path):
    target = tmp_path / "out.csv"
    with replacing(target, "job", 1) as first, replacing(target, "other", 1) as second:
        assert first != second
        first.write_text("from 1")
        second.write_text("from 2")
    assert target.read_text() == "from 1"


def test_what_a_killed_attempt_left_is_removed_by_the_next(tmp_path):
    (tmp_path / ".out[1].csv.job-1.partial").write_text("half")
    (tmp_path / ".out[1].csv.other-1.partial").write_text("of another job, which may be running")
    with replacing(tmp_path / "out[1].csv", "job", 2) as partial:
        partial.write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out[1].csv.other-1.partial", "out[1].csv"]


def test_a_result_may_have_the_longest_name_that_the_file_system_takes(tmp_path: Path) -> None:
    target = DataRoot(tmp_path).place("\N{WORLD MAP}" * 62 + ".csv")
    with replacing(target, "a" * 32, attempt=1) as partial:
        partial.write_text("a\n1\n")
    assert target.read_text() == "a\n1\n"
