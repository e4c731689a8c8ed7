"""``python -m pointvideo``."""

import sys

from .cli import main

sys.exit(main())
