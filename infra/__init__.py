"""The home on AWS as code: a CDK app that only developers run; it generates the template that ``tlfif deploy`` sends.

CDK's engine runs on Node. On a version that its makers no longer support it prints eleven lines at each start, unless
``JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION`` names the version (jsii, "Node.js version warnings").
"""

import os

os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "18,20")
