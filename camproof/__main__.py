"""``python -m camproof``."""

import sys

from camproof.cli import main

sys.exit(main())
