"""Makes the pictures of pages that the documentation shows.

    python docs/screenshots.py

Needs Chromium, Node, `npm ci` in tests/browser, and Pillow, which comes with Matplotlib. The
pictures are in the repository, because not everybody who builds the documentation has these.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import tinygrad_neuron as tn  # noqa: E402  # the package beside this file
from tinygrad_neuron.train import descend  # noqa: E402

PICTURES = HERE / "_static" / "pictures"
COLOURS = 128  # of a picture: they are drawings, and this makes them a third as large


def pages(folder):
    """The pages that are shown, by name."""
    w1, w2, b = (tn.Value(0.0, name=name) for name in ("w1", "w2", "b"))
    given = (("x1", 256.0), ("x2", 212.0), ("y", 1492.0))
    x1, x2, y = (tn.Value(x, name=name) for name, x in given)

    def loss():
        return (256 * w1 + 212 * w2 - 1492) ** 2

    history = descend(loss, [w1, w2], 8e-6, 20, done=lambda now, first: False)
    w1.data = w2.data = 0.0
    lab = tn.lab_of(loss, [w1, w2])
    z = w1 * x1 + w2 * x2 + b
    e = z - y
    J = e**2  # noqa: N806  # the loss, in every textbook
    tn.export_html(J, folder / "neuron.html", wrt=[w1, w2, b], alpha=4e-6)
    tn.export_html(loss(), folder / "whole.html", history=history, lab=lab)


SHOTS = (
    ("neuron", "#step=14", "light", 1080, 690, "step"),
    ("whole", "#a=11&k=12", "dark", 1080, 860, "lab"),
    ("whole", "#update=3", "light", 1080, 560, "training"),
    ("neuron", "#step=14", "light", 380, 820, "narrow"),
)


def main():
    """Write every picture, with few colours."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        pages(Path(folder))
        jobs = [
            {"page": f"{folder}/{page}.html", "hash": link, "scheme": scheme, "width": width,
             "height": height, "picture": f"{PICTURES / name}.png"}
            for page, link, scheme, width, height, name in SHOTS
        ]  # fmt: skip
        shoot = HERE.parent / "tests" / "browser" / "shoot.mjs"
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        subprocess.run(["node", str(shoot), chromium, json.dumps(jobs)], check=True)
    for *_, name in SHOTS:
        path = PICTURES / f"{name}.png"
        with Image.open(path) as picture:
            picture.convert("RGB").quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE).save(
                path, optimize=True
            )
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
