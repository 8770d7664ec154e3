"""``python -m infra.synth``: writes the template that ``tlfif deploy`` sends. Needs Node; deploying does not."""

import json
import sys
import tempfile
from pathlib import Path

from aws_cdk import App

from infra.app import STACK, build_app
from infra.substitution import with_substitutions

TEMPLATE = Path(__file__).parents[1] / "src/tlfif/adapters/aws/deployment/template/tlfif.template.json"


def render(app: App) -> str:
    """The app's template as text: sorted, indented by one space, with a newline at the end."""
    template = app.synth().get_stack_by_name(STACK).template
    return json.dumps(with_substitutions(template), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the template."""
    with tempfile.TemporaryDirectory() as outdir:
        TEMPLATE.write_text(render(build_app(outdir)), "utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
