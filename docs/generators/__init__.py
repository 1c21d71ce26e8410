"""Directives that write the reference from the program, and equations without scripts."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from generators import api, command_line, layers, mathml, rest, settings


class _Made(SphinxDirective):
    """A directive whose Markdown is made from the program, and parsed in place."""

    def markdown(self) -> str:
        """What stands for the directive."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """The nodes of the Markdown; its sections become sections of the page."""
        parsed: list[nodes.Node] = self.parse_text_to_nodes(self.markdown(), allow_section_headings=True)
        return parsed


class CommandLine(_Made):
    """``{command-line}``: every command with its arguments, options and examples."""

    def markdown(self) -> str:
        return command_line.markdown()


class Settings(_Made):
    """``{settings} volumes``: every setting of one kind of YAML file."""

    required_arguments = 1

    def markdown(self) -> str:
        return settings.markdown(self.arguments[0])


class Rest(_Made):
    """``{rest-api}``: every call of the server, as its OpenAPI document has it."""

    def markdown(self) -> str:
        return rest.markdown()


class Api(_Made):
    """``{api} synthesis``: every module of a layer, with all that is public in it."""

    required_arguments = 1

    def markdown(self) -> str:
        return api.markdown(self.arguments[0])


class FrontPage(_Made):
    """``{front-page}``: the names that ``import synthfm3d`` offers."""

    def markdown(self) -> str:
        return api.front_page()


class Layers(_Made):
    """``{layers}``: the layers of the package, as import-linter reads them."""

    def markdown(self) -> str:
        return layers.markdown()


def _inline_math(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(mathml.inline(node.astext()))
    raise nodes.SkipNode


def _display_math(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(mathml.display(node.astext()))
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all of it; Sphinx calls this."""
    for name, directive in (
        ("command-line", CommandLine),
        ("settings", Settings),
        ("rest-api", Rest),
        ("api", Api),
        ("front-page", FrontPage),
        ("layers", Layers),
    ):
        app.add_directive(name, directive)
    app.add_html_math_renderer("mathml", (_inline_math, None), (_display_math, None))
    app.connect("autodoc-skip-member", api.skip_member)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
