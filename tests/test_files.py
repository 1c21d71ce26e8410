"""A file exists whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from synthfm3d.errors import InputError
from synthfm3d.files import check_writable, read_text, write_atomically


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_text_is_read_whatever_mark_an_editor_put_in_front(tmp_path, encoding):
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    (tmp_path / "text").write_bytes(mark + '{"1": "größer"}'.encode(encoding))
    assert read_text(tmp_path / "text") == '{"1": "größer"}'


def test_content_arrives_and_nothing_else_stays(tmp_path):
    write_atomically(tmp_path / "out", b"old")
    write_atomically(tmp_path / "out", b"new")
    assert (tmp_path / "out").read_bytes() == b"new"
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize(("owner", "step"), [(os, "fsync"), (Path, "replace")])
def test_a_full_disk_leaves_the_old_file_as_it_was(tmp_path, monkeypatch, owner, step):
    write_atomically(tmp_path / "out", b"old")
    monkeypatch.setattr(owner, step, full_disk)
    with pytest.raises(InputError, match="no space left"):
        write_atomically(tmp_path / "out", b"new")
    assert (tmp_path / "out").read_bytes() == b"old"
    assert names(tmp_path) == ["out"]


def test_an_interruption_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "out", b"new")
    assert names(tmp_path) == []


@pytest.mark.parametrize("attempt", [check_writable, lambda path: write_atomically(path, b"new")])
def test_a_folder_and_a_way_through_a_file_are_refused(tmp_path, attempt):
    (tmp_path / "file").write_bytes(b"")
    for impossible in (tmp_path, tmp_path / "file" / "out", tmp_path / "missing" / "out"):
        with pytest.raises(InputError, match=str(impossible)):
            attempt(impossible)
    assert names(tmp_path) == ["file"]


def test_asking_whether_a_file_can_be_written_leaves_it_as_it_was(tmp_path):
    (tmp_path / "out").write_bytes(b"old")
    check_writable(tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"old"
    assert names(tmp_path) == ["out"]
