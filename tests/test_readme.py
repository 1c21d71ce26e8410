"""Every command and every line of Python in the README runs."""

import re
from dataclasses import replace

import pytest
from documentation import ROOT, Reader, blocks_of, check_block, commands_of

from synthfm3d.io.nifti import write_nifti
from synthfm3d.io.reading import example

README = ROOT / "README.md"
BLOCKS = blocks_of(README)


def test_every_block_is_understood():
    for block in BLOCKS:
        check_block(block)


def test_the_two_commands_of_the_first_screen_are_make_demo_and_make_test():
    first = commands_of(BLOCKS[0].text)
    assert [command.words for command in first] == [("make", "demo"), ("make", "test")]


@pytest.mark.slow
def test_every_block_runs(tmp_path, monkeypatch):
    write_nifti(tmp_path / "scan.nii.gz", example())
    (tmp_path / "demo").mkdir()
    write_nifti(tmp_path / "demo" / "head.nii.gz", example())  # as `make demo` does
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    monkeypatch.chdir(tmp_path)
    with Reader() as reader:
        for block in BLOCKS:
            # Training takes an hour; its plan is made from the same recipe and settings.
            trains = any((command.ours or ("",))[0] == "train" for command in commands_of(block.text))
            reader.run(replace(block, dry_run=trains))
    assert (tmp_path / "out" / "contact_sheet.png").is_file()
    assert (tmp_path / "mask.nii.gz").is_file()
    assert (tmp_path / "report" / "report.html").is_file()


def test_the_readme_and_the_citation_name_the_same_repository():
    cited = re.search(r'^repository-code: "(.+?)"', (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.M)
    assert cited is not None
    assert f"git clone {cited[1]}`" in README.read_text(encoding="utf-8")


def test_pictures_and_files_that_the_readme_links_exist():
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (ROOT / link).exists()]
    assert missing == []
