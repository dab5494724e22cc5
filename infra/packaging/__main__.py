"""`python -m infra.packaging`: builds the deployment package in .build/."""

import sys

from infra.packaging.deployment_package import main

sys.exit(main())
