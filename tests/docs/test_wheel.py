"""The package as others install it: a wheel, in an environment and a folder of its own."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_carries_conf_and_runs_anywhere(tmp_path):
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(tmp_path),
        ".",
    ]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / "conf").rglob("*.yaml"):
        assert f"triangle_cli/conf/{path.relative_to(ROOT / 'conf')}" in packed

    clean = tmp_path / "environment"
    venv.create(clean, with_pip=False)
    target = next((clean / "lib").glob("python3*")) / "site-packages"
    libraries = [path for path in sys.path if path.endswith("site-packages")]  # not the checkout
    (target / "dependencies.pth").write_text("\n".join(libraries) + "\n")
    zipfile.ZipFile(wheel).extractall(target)
    code = "import sys; from triangle_cli.cli.main import main; sys.exit(main(sys.argv[1:]))"
    words = ["run", "depth=2", "restarts=1", "schedule=peaks_only", "schedule.phases.0.epochs=2"]
    run = [clean / "bin" / "python", "-c", code, *words]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "outputs" / "x2").is_dir()
    where = subprocess.run(
        [clean / "bin" / "python", "-c", "import triangle_cli; print(triangle_cli.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert str(clean) in where.stdout
