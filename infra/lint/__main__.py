"""`python -m infra.lint`: prints the findings; exit status 1 if there are any."""

import sys

from infra.lint.linter import main

sys.exit(main())
