"""What is generated in docs/ is up to date."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def test_generated_documents_are_up_to_date():
    for name, text in runpy.run_path(str(DOCS / "generate.py"))["written"]().items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, "run: python docs/generate.py"
