"""A tag is released only if it is that of the sources and of the changelog."""

from pathlib import Path

import check_release
import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
UNRELEASED, SECTION = "## [Unreleased]\n\n", "## [1.2.0] - 2027-01-31\n\n- A thing.\n"


@pytest.fixture
def sources(tmp_path):
    """Sources of version 1.2.0 whose changelog is given."""

    def write(changelog):
        package = tmp_path / "src" / "synthfm3d"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text('"""A package."""\n\n__version__ = "1.2.0"\n')
        (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{changelog}")
        return tmp_path

    return write


@pytest.mark.parametrize("changelog", [UNRELEASED + SECTION, SECTION])
def test_a_tag_that_fits_may_be_released(sources, changelog):
    assert check_release.problems("v1.2.0", sources(changelog)) == []


@pytest.mark.parametrize("tag", ["1.2.0", "v1.2", "v1.2.1", "v1.2.0rc1"])
def test_a_tag_of_another_version_may_not(sources, tag):
    (problem,) = check_release.problems(tag, sources(SECTION))
    assert "tag v1.2.0" in problem


@pytest.mark.parametrize("changelog", [UNRELEASED, "## [1.2.0]\n", "## [1.1.0] - 2026-12-24\n"])
def test_a_version_without_its_dated_section_may_not(sources, changelog):
    (problem,) = check_release.problems("v1.2.0", sources(changelog))
    assert "YYYY-MM-DD" in problem


def test_lines_that_nobody_moved_may_not(sources):
    (problem,) = check_release.problems("v1.2.0", sources(f"{UNRELEASED}- Forgotten.\n\n{SECTION}"))
    assert "Unreleased" in problem


def test_the_workflow_calls_what_is_called_here_and_checks_tags():
    steps = [step for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step]
    called = [step["run"].strip() for step in steps]
    assert ".ci/run" in called
    (check,) = [step for step in steps if "check_release" in step["run"]]
    assert check["run"] == 'python tools/check_release.py "$GITHUB_REF_NAME"'
    assert check["if"] == "startsWith(github.ref, 'refs/tags/')"
    for word in " ".join(called).split():
        if word.startswith((".ci/", "tools/")):
            assert (ROOT / word).is_file(), word
    (triggers,) = (
        value for key, value in WORKFLOW.items() if key in ("on", True)
    )  # YAML 1.1 reads on as true
    assert {"push", "pull_request"} <= set(triggers)
    assert WORKFLOW["permissions"] == {"contents": "read"}
