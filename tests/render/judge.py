"""What two independent readers of PDFs say: a JSON line a file.

Usage: judge.py FILE.pdf ... Needs the packages outloud (PDF/UA-1 by the Matterhorn Protocol) and
pdf_oxide (parts of PDF/A-2a). A finding is a text; `rules` counts what of PDF/UA-1 was looked at.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pdf_oxide

files = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    report = Path(folder) / "report.json"
    outloud = Path(sys.executable).parent / "outloud"
    asked = [outloud, "--quiet", "--layer", "conformance", "--json", report, *files]
    subprocess.run(asked, stdout=subprocess.DEVNULL, check=False)
    results = json.loads(report.read_text())["results"]
assert [r["path"] for r in results] == files, results
for name, result in zip(files, results):
    findings = [f"{f.get('rule')}: {f.get('message')}" for f in result["findings"]]
    if result["error"]:
        findings.append(result["error"])
    try:
        archived = pdf_oxide.PdfDocument(name).validate_pdf_a("2a")["errors"]
    except Exception as e:  # whatever it cannot read is a finding
        archived = [repr(e)]
    print(
        json.dumps(
            {
                "ua": findings,
                "a": archived,
                "rules": sum(rule["outcome"] == "pass" for rule in result["rules"]),
                "failed": [c for c in result["criteria"]["pdfua1"] if "fail" in str(c.get("status")).lower()],
            }
        )
    )
