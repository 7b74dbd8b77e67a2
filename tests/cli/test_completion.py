"""Tab completion in the shells themselves."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("triangle r", {"run", "regions", "report"}),
        ("triangle regions net.json --pl", {"--plane", "--planes"}),
        ("triangle sh", {"show"}),
        ("triangle ls --s", {"--sort", "--sweeps"}),
        ("triangle completion ", {"bash", "zsh"}),
        ("triangle run func", {"function=", "function."}),
        ("triangle run function=x", {"x11", "x2", "x3"}),
        ("triangle run depth=3 init=r", {"raai", "random"}),
        ("triangle run -m schedule=pe", {"peaks_only"}),
        ("triangle run points.tr", {"points.train="}),
        ("triangle run --c", {"--cfg", "--config-dir"}),
        ("triangle run --m", {"--multirun"}),
        ("triangle ls --format ", {"text", "csv", "json", "parquet"}),
        ("triangle ls --sort mse_m", {"mse_min", "mse_mean"}),
        ("triangle run dtype=", {"float32", "float64"}),
        ("triangle run -m function=x2,ta", {"x2,tanh3x"}),
        ("triangle run -m depth=2 init=raai,zigzag,r", {"raai,zigzag,raai", "raai,zigzag,random"}),
        ("triangle run on_failure=s", {"stop"}),
        ("triangle run -m dtype=float32,", {"float32,float32", "float32,float64"}),
        ("triangle run schedule.phases.0.optimizer=a", {"adam"}),
        ("triangle run force=", {"false", "true"}),
        ("triangle paper s", {"sparse"}),
    ],
)
def test_tab_completion_in_bash(tmp_path, line, expected):
    bin_folder = Path(sys.executable).parent
    script = f"""
        PATH={bin_folder}:$PATH; COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'; eval "$(triangle completion bash)"
        COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; _triangle_complete; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert {word.strip() for word in done.stdout.split()} == expected


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh")
def test_zsh_takes_the_completion_without_a_configuration_of_its_own(triangle):
    script = 'eval "$("$0" completion zsh)"; print $_comps[triangle]'
    done = subprocess.run(
        ["zsh", "-f", "-c", script, triangle.program],
        cwd=triangle.folder,
        env=os.environ | {"HOME": str(triangle.folder)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.endswith("_triangle_complete\n")
    assert done.stderr == ""
