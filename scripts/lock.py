"""Writes packaging/lock.txt: one version of everything that a hub in a container may need, as pip finds them today.

Versions alone, without addresses: pip is asked where to look for them as it always is.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "packaging" / "lock.txt"
EXTRAS = "s3,postgres,inference,grpc,spaces"
_HEAD = "# Made by scripts/lock.py. The Dockerfile installs these versions, of what it installs, and no others.\n"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        words = ["install", "--dry-run", "--ignore-installed", "--quiet", "--report", str(report), f"{ROOT}[{EXTRAS}]"]
        subprocess.run([sys.executable, "-m", "pip", *words], check=True)
        found = json.loads(report.read_text())["install"]
    lines = sorted(f"{one['metadata']['name'].lower()}=={one['metadata']['version']}" for one in found)
    LOCK.write_text(_HEAD + "".join(f"{line}\n" for line in lines if not line.startswith("pioche==")))
    print(f"wrote {LOCK.relative_to(ROOT)}: {len(lines) - 1} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
