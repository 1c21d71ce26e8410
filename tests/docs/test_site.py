"""The site is built without a warning, fetches nothing from elsewhere, and tells all of the program."""

import os
import re
import subprocess
import sys
from html import unescape
from urllib.parse import unquote

import pytest
from documentation import ROOT, check_words, commands_of

pytest.importorskip("sphinx", reason="needs the extra docs")
sys.path.insert(0, str(ROOT / "docs"))
from generators import api, command_line, layers, rest, settings

DOCS = ROOT / "docs"


def build(source, target):
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]
    command += ["--doctree-dir", str(target / "doctrees"), str(source), str(target / "site")]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site; SYNTHFM3D_SITE names one that `make docs` has just made."""
    if ready := os.environ.get("SYNTHFM3D_SITE"):
        return ROOT / ready
    folder = tmp_path_factory.mktemp("docs")
    done = build(DOCS, folder)
    assert done.returncode == 0, done.stderr
    return folder / "site"


# ---------------------------------------------------------------- what is made from the program


def test_every_command_is_described_with_all_its_options():
    told = command_line.markdown()
    assert "datasets check" in command_line.commands()
    for words, command in command_line.commands().items():
        _, _, section = told.partition(f"## {words}\n")
        for option in command.params:
            if option.param_type_name == "option" and not option.hidden:
                assert f"`{option.opts[0]}`" in section, (words, option.opts)


def test_every_example_of_the_help_has_options_that_there_are():
    for words, command in command_line.commands().items():
        for line in command_line.examples(command):
            for found in commands_of(line):
                assert found.ours is not None, (words, line)
                check_words(found.ours)


@pytest.mark.parametrize("kind", settings.KINDS)
def test_every_setting_is_described(kind):
    told = settings.markdown(kind)
    names = settings.names(kind)
    assert len(names) > 20
    for name in names:
        group, _, own = name.rpartition(".")
        _, _, section = told.partition(f"### {group or 'At the top'}\n")
        assert f"| `{own}` |" in section.partition("\n### ")[0], name


def test_words_of_a_setting_are_those_of_its_docstring():
    assert "| `lesion_share` | number | `0.15` | Share of organs with a wall" in settings.markdown("volumes")
    # Inherited from what all runs share.
    assert "| `accumulation` | integer | `1` | Batches of each process" in settings.markdown("sam2")


def test_every_call_of_the_server_is_described():
    told = rest.markdown()
    for path, methods in rest.document()["paths"].items():
        for method in methods:
            assert f"### `{method.upper()} {path}`" in told


def test_every_layer_has_its_place_among_the_pages():
    pages = "".join(page.read_text() for page in (DOCS / "reference" / "api").glob("*.md"))
    assert sorted(re.findall(r"^```{api} (\w+)$", pages, flags=re.MULTILINE)) == api.layers()
    named = {name.strip() for line in layers.lines() for name in line.split("|")}
    assert named == {*api.layers(), "cli"}


# ---------------------------------------------------------------- the site


@pytest.mark.slow
def test_a_broken_link_stops_the_build(tmp_path):
    source = tmp_path / "docs"
    source.mkdir()
    for name in ("conf.py", "generators", "static"):
        (source / name).symlink_to(DOCS / name)
    (source / "index.md").write_text("# Title\n\nSee [the other page](other.md).\n")
    done = build(source, tmp_path)
    assert done.returncode == 1
    assert "other.md" in done.stderr


FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*?\b(?:src|data|srcset)\s*=\s*["']?([^"'\s>]+)"""
    r"""|<link\b[^>]*?\bhref\s*=\s*["']?([^"'\s>]+)"""
    r"""|url\(\s*["']?([^"')]+)"""
    r"""|@import\s+["']([^"']+)""",
    re.IGNORECASE,
)
"""What a browser fetches without being asked: attributes of HTML, and addresses in style sheets."""


def fetched(text):
    return [unescape(next(filter(None, match))) for match in FETCHED.findall(text)]


def test_what_is_fetched_is_found():
    page = (
        '<link rel="x" href="//fonts.example"><script src=https://a.b/c.js></script><style>@import "d.css";'
    )
    assert fetched(page + "a { b: url(e.png) }") == ["//fonts.example", "https://a.b/c.js", "d.css", "e.png"]


@pytest.mark.slow
def test_no_page_or_style_sheet_names_anything_elsewhere(site):
    pages = [path for path in site.rglob("*") if path.suffix in (".html", ".css", ".svg")]
    assert len(pages) > 100
    for path in pages:
        foreign = [url for url in fetched(path.read_text(encoding="utf-8")) if re.match(r"(\w+:)?//", url)]
        assert foreign == [], path


@pytest.mark.slow
def test_all_that_a_page_links_within_the_site_is_there(site):
    for path in site.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"#?]+)[^"]*"', path.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:", link):
                assert (path.parent / unquote(unescape(link))).exists(), (path, link)


@pytest.mark.slow
@pytest.mark.browser
def test_a_browser_asks_nobody_else_and_finds_words_without_network(site, browser):
    asked, complaints = [], []
    with browser.new_page() as page:
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        for name in ("index", "explanation/axes", "reference/rest", "reference/api/io"):
            page.goto((site / f"{name}.html").as_uri())
        assert page.locator("math").count() == 0
        page.goto((site / "explanation" / "axes.html").as_uri())
        assert page.locator("math").count() > 20
        page.goto((site / "search.html").as_uri() + "?q=superquadric")
        page.locator("ul.search li").first.wait_for(timeout=30_000)
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
