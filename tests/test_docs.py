"""What is generated in docs/ is up to date."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def test_descriptor_table_is_up_to_date():
    document = runpy.run_path(str(DOCS / "generate.py"))["document"]
    written = (DOCS / "descriptors.md").read_text(encoding="utf-8")
    assert document() == written, "run: python docs/generate.py"
