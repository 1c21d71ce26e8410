"""The modules of each layer of the package, as Markdown for autodoc."""

import inspect
import pkgutil
from importlib.util import find_spec
from typing import Any

import synthfm3d

PACKAGE = "synthfm3d"
_ROUTES = ".routes_"
"""In the names of modules of which the calls of the server are made; the page of REST describes them."""
_IN_NAPARI = "synthfm3d.app.napari.widget"
"""Only napari can import it."""


def layers() -> list[str]:
    """What stands directly in the package, except for the command line, which has a page of its own."""
    found = pkgutil.iter_modules(synthfm3d.__path__)
    return sorted(module.name for module in found if module.name not in ("__main__", "cli"))


def modules(layer: str) -> list[str]:
    """Full names of a layer's modules, itself first, those of its folders after it."""
    top = f"{PACKAGE}.{layer}"
    spec = find_spec(top)
    if spec is None:
        raise ValueError(f"{layer}: is no layer of the package: {', '.join(layers())}.")
    names = [top]
    if spec.submodule_search_locations:
        walked = pkgutil.walk_packages(spec.submodule_search_locations, prefix=f"{top}.")
        names += [m.name for m in walked if _ROUTES not in m.name and m.name != _IN_NAPARI]
    return names


def markdown(layer: str) -> str:
    """A section for each module of a layer."""
    return "\n".join(_section(name) for name in modules(layer))


def _section(name: str) -> str:
    return (
        f"## {name.removeprefix(PACKAGE + '.')}\n\n"
        f"```{{eval-rst}}\n.. automodule:: {name}\n"
        "   :members:\n   :undoc-members:\n   :ignore-module-all:\n```\n"
    )


def front_page() -> str:
    """A table of what ``import synthfm3d`` offers: the name, and the first sentence of its docstring."""
    rows = ["| | |", "|---|---|"]
    for name in synthfm3d.__all__:
        if name == "__version__":
            continue
        thing = getattr(synthfm3d, name)
        role = "py:class" if inspect.isclass(thing) else "py:func"
        full = f"{thing.__module__}.{thing.__qualname__}"
        first = (inspect.getdoc(thing) or "").partition("\n\n")[0].replace("\n", " ")
        rows.append(f"| {{{role}}}`sf.{name} <{full}>` | {first.replace('``', '`')} |")
    return "\n".join(rows) + "\n"


def skip_member(app: Any, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what is of others, and fields and constants without words: the signature has them."""
    if what == "module" and not str(getattr(thing, "__module__", PACKAGE)).startswith(PACKAGE):
        return True
    if skip or inspect.isroutine(thing) or inspect.isclass(thing) or isinstance(thing, property):
        return None
    return None if _has_words(thing) else True


def _has_words(thing: Any) -> bool:
    words = getattr(thing, "__doc__", None)
    return bool(words) and words != getattr(type(thing), "__doc__", None)
