"""``python -m synthfm3d`` is the same as the command ``synthfm3d``."""

import sys

from synthfm3d.cli import main

sys.exit(main())
