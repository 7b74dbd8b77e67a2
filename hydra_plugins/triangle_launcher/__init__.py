"""The launcher behind every word of conf/launcher/. Hydra takes launchers from packages in hydra_plugins only.

Imported whenever Hydra starts, so what is slow to import waits until a sweep does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, filter_overrides, setup_globals
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, open_dict

from triangle_cli import console

if TYPE_CHECKING:
    from triangle_cli.sweeps.job import Job, JobRecord

PICTURED = (
    100  # jobs of a sweep, up to which each run draws its fit.png; `triangle show` draws those of others
)


class SweepLauncher(Launcher):
    """Plans the jobs here, so that those already done start no worker, one bar shows them all, and a worker
    that dies takes no other job with it. What runs elsewhere is `sweep.run_job`, which knows nothing of Hydra.
    """

    def __init__(self, backend: str, earlier: Sequence[Sequence[str]] = (), **options: Any) -> None:
        """`earlier`: the words of each trial of a search that was done before."""
        self.backend = backend
        self.earlier = [list(words) for words in earlier]
        self.options = options
        self.picture = True

    def setup(self, *, hydra_context: Any, task_function: Any, config: DictConfig) -> None:
        """Called by Hydra before `launch`."""
        from triangle_cli.settings.planning import Composer

        self.config = config
        loader = hydra_context.config_loader
        self.compose = Composer(loader, loader.load_sweep_config, config)
        # sweepers compose every job once more, a tenth of a second for each, only to see whether it can be done:
        # `launch` sees that as well, before any job starts
        loader.load_sweep_config = lambda master_config, sweep_overrides: None
        if self.earlier:
            from triangle_cli.sweeps import collect

            done = [self._earlier(number, words) for number, words in enumerate(self.earlier)]
            collect.add_records(Path(config.hydra.sweep.dir), done)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        """Do these jobs; returns the least mean squared error of each, for sweepers that search."""
        from triangle_cli.runs import trackers
        from triangle_cli.sweeps import collect, live, report, work
        from triangle_cli.sweeps.workers import BACKENDS

        trackers.require(self.config.tracker)
        if not job_overrides:
            raise SystemExit(collect.NO_JOBS)
        collect.require_one_way(job_overrides)
        setup_globals()
        first, count = initial_job_idx + len(self.earlier), len(job_overrides)
        workers = BACKENDS[self.backend](self.options)
        self.compose.check(job_overrides)
        self.picture = count <= PICTURED
        planned = (self._plan(number, list(words)) for number, words in enumerate(job_overrides, first))
        if self.config.dry_run:
            from triangle_cli.sweeps import estimate

            lines, code = estimate.lines(list(report.planning(planned, count)), workers.at_once(count))
            console.say("\n".join(lines))
            raise SystemExit(code)
        possible = work.require_one_possible(work.ahead(planned))
        folder = Path(self.config.hydra.sweep.dir)
        trials = self.config.hydra.sweeper.get("n_trials") or 0  # of a search, which launches many times
        live.announce(folder, max(first + count, len(self.earlier) + trials), workers.at_once(count))
        stops = self.config.on_failure.value == "stop"
        try:
            records = work.run_all(possible, count, workers.run, stops, partial(collect.add_records, folder))
        except BaseException:  # Ctrl-C: nobody works at it any more
            collect.clear_records(folder)
            raise
        return [_job_return(record) for record in records]

    def _earlier(self, number: int, words: list[str]) -> JobRecord:
        from triangle_cli.sweeps.job import JobRecord

        item = self._plan(number, words)
        gone = "its run was done, but is no longer in outputs"
        return item if isinstance(item, JobRecord) else JobRecord(number, item.words, "failed", gone)

    def _plan(self, number: int, words: list[str]) -> Job | JobRecord:
        from triangle_cli.runs.choose import chosen_settings
        from triangle_cli.sweeps import collect, job

        chosen = collect.choosing(filter_overrides(words))
        try:
            config = self.compose(words)
        except HydraException as error:
            return job.fail(number, chosen, error, Path(self.config.hydra.sweep.dir) / str(number))
        with open_dict(config):
            config.hydra.job.id = config.hydra.job.num = number
        hydra: Any = HydraConfig.instance()
        before = hydra.cfg
        hydra.cfg = config  # what ${hydra:...} refers to
        try:
            folder = Path(config.hydra.sweep.dir) / str(config.hydra.sweep.subdir)
            return job.plan(number, chosen, partial(chosen_settings, config), folder, self.picture)
        finally:
            hydra.cfg = before


def _job_return(record: JobRecord) -> JobReturn:
    done = JobReturn(overrides=record.overrides, status=JobStatus.COMPLETED)
    done.return_value = float("inf") if record.mse_min is None else record.mse_min
    return done
