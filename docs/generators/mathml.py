"""Equations as MathML, which browsers draw by themselves: no script, no font, nothing fetched."""

from latex2mathml.converter import convert


def inline(latex: str) -> str:
    """An equation within a line, as a ``<math>`` element."""
    return str(convert(latex))


def display(latex: str) -> str:
    """An equation on a line of its own; several, where the LaTeX has empty lines."""
    blocks = [block for block in latex.split("\n\n") if block.strip()]
    return "\n".join(str(convert(block, display="block")) for block in blocks)
