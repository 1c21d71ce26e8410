"""``synthfm3d doctor``: lines for people, JSON for programs, an exit code for scripts."""

import json
import os
import resource
import subprocess
import sys

from synthfm3d.cli import main


def test_a_trouble_is_told_with_its_way_out_and_exit_code_1(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SYNTHFM3D_SAMPLES", str(tmp_path / "none"))
    assert main(["doctor"]) == 1
    told = capsys.readouterr().out.splitlines()
    (place,) = [n for n, line in enumerate(told) if line.startswith("fail")]
    assert "samples" in told[place]
    assert "-> unset SYNTHFM3D_SAMPLES" in told[place + 1]


def test_warnings_alone_have_exit_code_0(capsys, monkeypatch):
    monkeypatch.delenv("SYNTHFM3D_SAMPLES", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "9999")
    assert main(["doctor", "--json"]) == 0
    found = {finding["check"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert found["threads"]["state"] == "warn"
    assert found["threads"]["way_out"].startswith("export OMP_NUM_THREADS=")
    assert {finding["state"] for finding in found.values()} <= {"ok", "warn"}


def test_it_answers_within_three_seconds_without_torch():
    program = (
        "import sys; from synthfm3d.cli import main; code = main(['doctor']);"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules; sys.exit(code)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "SYNTHFM3D_SAMPLES"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Time of the processor: the clock also counts what else runs on the machine.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 3
