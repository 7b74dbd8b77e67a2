"""Draw the pictures of docs/gallery.md: run the commands that stand there, from the runs of `make demo`.

make gallery    runs the demo first, then this

The page of `triangle report` is photographed where Chromium is installed.
"""

from __future__ import annotations

import io
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
PAGE = HERE / "gallery.md"
PICTURES = HERE / "gallery"
REPORT = HERE.parent / "outputs" / "demo" / "report.html"
COMMAND = re.compile(r"^triangle plot .*$", re.MULTILINE)
WIDTH, HEIGHT = 1200, 3500  # pixels of the photograph, cut where the page ends
COLOURS = 64  # of it: enough for text and lines


def main() -> None:
    """Draw all pictures of the page."""
    PICTURES.mkdir(exist_ok=True)
    program = Path(sys.executable).with_name("triangle")
    for command in COMMAND.findall(PAGE.read_text(encoding="utf-8")):
        words = [str(program), *shlex.split(command)[1:]]
        subprocess.run(words, cwd=HERE.parent, check=True)
    if chromium := shutil.which("chromium"):
        photograph(chromium, REPORT, PICTURES / "report.png")


def photograph(chromium: str, page: Path, out: Path) -> None:
    """The whole page as Chromium shows it."""
    with tempfile.TemporaryDirectory() as folder:
        taken = Path(folder) / "taken.png"
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        options += [f"--window-size={WIDTH},{HEIGHT}", "--virtual-time-budget=20000", f"--screenshot={taken}"]
        subprocess.run([chromium, *options, page.as_uri()], check=True, capture_output=True)
        with Image.open(io.BytesIO(taken.read_bytes())) as image:
            whole = image.convert("RGB")
    box = Image.eval(whole.convert("L"), lambda value: 255 - value).getbbox()
    bottom = min(HEIGHT, (box[3] if box else HEIGHT) + 20)
    whole.crop((0, 0, WIDTH, bottom)).quantize(COLOURS).save(out, optimize=True)


if __name__ == "__main__":
    main()
