"""The package as others install it: a wheel, in an environment and a folder of its own."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN = ["run", "depth=2", "restarts=1", "schedule=peaks_only", "schedule.phases.0.epochs=2"]


@pytest.fixture
def wheel(tmp_path) -> Path:
    """The wheel of this checkout."""
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        tmp_path,
    ]
    subprocess.run([*build, "."], cwd=ROOT, check=True, capture_output=True)
    (built,) = tmp_path.glob("*.whl")
    return built


@pytest.mark.parametrize(
    ("words", "leaves"),
    [
        ([*RUN, "dry_run=true"], []),
        pytest.param(RUN, ["outputs"], marks=pytest.mark.slow),  # compiles every kernel where it is installed
    ],
)
def test_the_wheel_carries_all_it_needs_and_runs_anywhere(wheel, tmp_path, words, leaves):
    packed = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / "conf").rglob("*.yaml"):
        assert f"triangle_cli/conf/{path.relative_to(ROOT / 'conf')}" in packed
    assert "triangle_cli/py.typed" in packed
    for path in (ROOT / "triangle_cli").rglob("*.py"):
        assert str(path.relative_to(ROOT)) in packed

    clean, folder = tmp_path / "environment", tmp_path / "folder"
    folder.mkdir()
    venv.create(clean, with_pip=False)
    target = next((clean / "lib").glob("python3*")) / "site-packages"
    libraries = [path for path in sys.path if path.endswith("site-packages")]  # not the checkout
    (target / "dependencies.pth").write_text("\n".join(libraries) + "\n")
    zipfile.ZipFile(wheel).extractall(target)
    code = "import sys; from triangle_cli.cli import main; print(main.__file__); sys.exit(main.main(sys.argv[1:]))"
    done = subprocess.run(
        [clean / "bin" / "python", "-c", code, *words], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(clean))
    assert [path.name for path in folder.iterdir()] == leaves
