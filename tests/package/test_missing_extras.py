"""Without the packages of an extra, a command says in one line which one to install."""

import ast
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from extras import COMMANDS, IN_PYTHON, make_workplace, words
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import synthfm3d
from synthfm3d.cli.boundary import EXTRA_OF_MODULE

ROOT = Path(__file__).parents[2]
PACKAGE = Path(synthfm3d.__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]

HIDING = """
import sys
hidden = set(sys.argv.pop(1).split(","))

class Hiding:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hiding())
"""
COMMAND_LINE = HIDING + "from synthfm3d.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    return make_workplace(tmp_path_factory.mktemp("workplace"))


def run_without(modules, program, *arguments, cwd):
    command = [sys.executable, "-c", program, ",".join(modules), *arguments]
    return subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True, timeout=60)


def modules_of(extra):
    return [module for module, bringing in EXTRA_OF_MODULE.items() if bringing == extra]


CONVERTED_TO = {"monai", "torchio"}
"""Whose objects are converted to theirs has these."""
INSIDE_OF = {"napari", "qtpy"}
"""A plugin runs inside napari, which brings them."""

NEEDY = [(extra, line) for extra, lines in COMMANDS.items() if extra for line in lines]


@pytest.mark.parametrize(("extra", "line"), NEEDY, ids=[line.split()[0] + " " + x for x, line in NEEDY])
def test_a_command_without_its_extra_names_it_in_one_line(workplace, extra, line):
    done = run_without(modules_of(extra), COMMAND_LINE, *words(line), cwd=workplace)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].endswith(f"run  pip install 'synthfm3d[{extra}]'")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


BARE = [(x, line) for x, line in NEEDY if x in ("train", "serve")] + [("model", "demo -o demo")]


@pytest.mark.parametrize(("extra", "line"), BARE, ids=[line.split()[0] + " " + x for x, line in BARE])
def test_in_the_core_alone_a_command_names_all_that_it_needs_at_once(workplace, extra, line):
    done = run_without(EXTRA_OF_MODULE, COMMAND_LINE, *words(line), cwd=workplace)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].endswith(f"run  pip install 'synthfm3d[{extra}]'")


def test_a_notebook_without_its_extra_names_it(workplace):
    done = run_without(modules_of("notebook"), HIDING + IN_PYTHON["notebook"], cwd=workplace)
    assert done.stderr.endswith("run  pip install 'synthfm3d[notebook]'\n")


def test_every_package_that_the_core_does_without_has_its_extra():
    """Each import in the sources is of the core's packages, or its extra is named and brings it."""
    homes = packages_distributions()
    core = _named(PROJECT["dependencies"])
    undeclared = {}
    for module in _imported() - set(sys.stdlib_module_names) - CONVERTED_TO - INSIDE_OF - {"synthfm3d"}:
        extra = EXTRA_OF_MODULE.get(module)
        declared = core | (_named(EXTRAS[extra]) if extra else set())
        brought_by = {canonicalize_name(name) for name in homes.get(module, [module])}
        if not brought_by & declared:  # by chance it may be there: what others ask for leaves with them
            undeclared[module] = extra
    assert undeclared == {}


def _named(requirements):
    return {canonicalize_name(Requirement(line).name) for line in requirements}


def _imported():
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found
