"""`tracker=tensorboard`: a folder of events per run."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from triangle_cli.runs.trackers.metrics import metrics
from triangle_cli.store import run_folder
from triangle_cli.store.record import RunRecord

FILES = "tensorboard"  # in the folder of the runs


def tell(outputs: Path, folder: Path, record: RunRecord) -> None:
    """Write the run's settings, figures and picture, unless they are there."""
    target = outputs / FILES / record.function / folder.name
    if target.exists():
        return
    from matplotlib.pyplot import imread
    from torch.utils.tensorboard import SummaryWriter

    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
    try:
        with SummaryWriter(str(beside)) as writer:
            writer.add_text(
                "config", f"<pre>{(folder / run_folder.CONFIG).read_text(encoding='utf-8')}</pre>"
            )
            for name, step, value in metrics(folder):
                writer.add_scalar(name, value, step)
            if run_folder.PICTURE in record.files:
                writer.add_image("fit", imread(folder / run_folder.PICTURE)[..., :3], dataformats="HWC")
        beside.replace(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
