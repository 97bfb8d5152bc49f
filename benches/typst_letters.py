"""The same letter by typst's own Python package: seconds for so many PDFs.

Usage: typst_letters.py FOLDER N, where FOLDER holds letter.typ, form.typ, letter.json and fonts/.
"""

import json
import sys
import time
from pathlib import Path

import typst

folder, n = Path(sys.argv[1]), int(sys.argv[2])
data = folder / "letter.json"
letter = json.loads(data.read_text())
name = letter["reference"]
begin = time.perf_counter()
for i in range(n):
    letter["reference"] = f"{name}-{i}"
    data.write_text(json.dumps(letter))
    pdf = typst.compile(
        folder / "letter.typ",
        root=folder,
        font_paths=[folder / "fonts"],
        ignore_system_fonts=True,
        pdf_standards=["a-2a", "ua-1"],
    )
    assert pdf.startswith(b"%PDF")
print(time.perf_counter() - begin)
