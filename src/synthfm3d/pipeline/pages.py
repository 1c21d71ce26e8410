"""Templates of this folder, filled in."""

from jinja2 import Environment, PackageLoader, StrictUndefined


def filled(template: str, **known: object) -> str:
    """A page from its template ``NAME.html.jinja``, or a text from ``NAME.md.jinja``.

    What is ``known`` goes into HTML harmless, whatever signs are in it; a name that the template asks for
    and nobody gave is an error.
    """
    environment = Environment(
        loader=PackageLoader("synthfm3d.pipeline", "."),
        autoescape=template.endswith(".html.jinja"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**known)
