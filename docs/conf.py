"""How Sphinx builds the documentation: ``make docs``, offline, to build/docs/index.html.

Pages are written in Markdown. The directives of ``generators`` make the references from the program itself,
so that they are always up to date. A warning is an error.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import synthfm3d

project = "SynthFM-3D"
copyright = "SynthFM-3D contributors, Apache-2.0"
author = "SynthFM-3D contributors"
version = release = synthfm3d.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "generators",
]
exclude_patterns = ["**/.ipynb_checkpoints"]
nitpicky = True
# Only names of this package can be found without network.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!synthfm3d\.).*"),
    # type variables and private names
    (r"py:.*", r"synthfm3d\..*\.(Result|Task|T|Config|SampleType|Annotated|_\w+)"),
]
toc_object_entries = False  # the outline of a page names modules, not all that is in them

smartquotes = False  # two hyphens begin an option
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_google_docstring = False
napoleon_use_ivar = True  # fields are described where the class is, not once more

html_theme = "furo"
html_title = f"SynthFM-3D {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_show_search_summary = False  # it would fetch pages, which a browser refuses for files on the disk
