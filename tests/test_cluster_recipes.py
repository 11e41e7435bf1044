"""The recipes for clusters in ``examples/cluster``: keys of the RayJob, and a dry run on Slurm."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

ROOT = Path(__file__).parent.parent
CLUSTER = ROOT / "examples" / "cluster"

JOB = {
    "activeDeadlineSeconds", "backoffLimit", "clusterSelector", "deletionStrategy", "entrypoint",
    "entrypointNumCpus", "entrypointNumGpus", "entrypointResources", "jobId", "managedBy",
    "metadata", "preRunningDeadlineSeconds", "rayClusterSpec", "runtimeEnvYAML",
    "shutdownAfterJobFinishes", "submissionMode", "submitterConfig", "submitterPodTemplate",
    "suspend", "ttlSecondsAfterFinished",
}  # fmt: skip
"""Fields of ``RayJobSpec`` in ``ray.io/v1`` of KubeRay 1.7.0; below, of its parts."""
CLUSTER_SPEC = {
    "authOptions", "autoscalerOptions", "enableInTreeAutoscaling", "gcsFaultToleranceOptions",
    "headGroupSpec", "headServiceAnnotations", "historyServerOptions", "managedBy",
    "networkPolicy", "rayVersion", "suspend", "tlsOptions", "upgradeStrategy", "workerGroupSpecs",
}  # fmt: skip
HEAD = {
    "enableIngress", "headService", "ingressOptions", "labels", "rayStartParams", "resources",
    "serviceType", "template",
}  # fmt: skip
WORKERS = {
    "groupName", "idleTimeoutSeconds", "labels", "maxReplicas", "minReplicas", "numOfHosts",
    "priority", "rayStartParams", "replicas", "resources", "scaleStrategy", "suspend", "template",
}  # fmt: skip
NEEDED = {"groupName", "maxReplicas", "minReplicas", "template"}
"""Fields that a group of workers can't be without."""
POD = {"containers", "terminationGracePeriodSeconds", "volumes"}
"""Fields of a pod that the recipe uses, of Kubernetes' many; below, of a container."""
CONTAINER = {"env", "image", "name", "resources", "volumeMounts"}

STUB = """#!/bin/bash
echo "$(basename "$0") $*" >> "$CALLS"
"""
STUBS = {
    "scontrol": STUB + '[ "$1" = show ] && printf "n1\\nn2\\nn3\\n"; exit 0\n',
    "srun": STUB,
    "ray": STUB + "[ -e $CALLS.up ] || { touch $CALLS.up; exit 1; }\n",
    "sleep": "#!/bin/bash\nexec /bin/sleep 0.05\n",
    "armtune": STUB + '[ -z "${LONG-}" ] || exec python3 -c \'\n'
    "import signal, sys, time\n"
    'signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("stopped", flush=True)))\n'
    'print("training", flush=True); time.sleep(30)\'\n',
}


@pytest.fixture
def job() -> Any:
    return yaml.safe_load((CLUSTER / "rayjob.yaml").read_text())


def test_the_ray_job_has_fields_of_kuberay_and_no_others(job: Any) -> None:
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    spec = job["spec"]
    cluster = spec["rayClusterSpec"]
    assert set(spec) <= JOB
    assert "headGroupSpec" in cluster
    assert set(cluster) <= CLUSTER_SPEC
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    assert set(groups[0]) <= HEAD
    for group in groups[1:]:
        assert NEEDED <= set(group) <= WORKERS
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    for group in groups:
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        pod = group["template"]["spec"]
        assert set(pod) <= POD
        mounted = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            assert set(container) <= CONTAINER
            assert {mount["name"] for mount in container["volumeMounts"]} == mounted
            assert all(isinstance(one["value"], str) for one in container["env"])


def test_the_ray_job_has_the_ray_of_the_constraints(job: Any) -> None:
    pinned = [x for x in (ROOT / "constraints.txt").read_text().split() if x.startswith("ray==")]
    assert pinned == [f"ray=={job['spec']['rayClusterSpec']['rayVersion']}"]


def test_all_pods_of_the_ray_job_see_the_run_s_folder(job: Any) -> None:
    words = job["spec"]["entrypoint"].split()
    run = words[words.index("--to") + 1]
    cluster = job["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        for container in group["template"]["spec"]["containers"]:
            shared = [m["mountPath"] for m in container["volumeMounts"] if m["name"] == "shared"]
            assert run.startswith(f"{shared[0]}/")


def known_options() -> set[str]:
    from armtune.cli import app

    said = CliRunner().invoke(app(), ["sweep", "--help"], env={"COLUMNS": "200"}).stdout
    return {word.strip(",│") for word in said.split() if word.startswith("--")}


def options_of(words: list[str]) -> set[str]:
    return {word for word in words if word.startswith("--")}


def test_what_the_ray_job_starts_is_a_sweep(job: Any) -> None:
    words = job["spec"]["entrypoint"].split()
    assert words[:2] == ["armtune", "sweep"]
    assert options_of(words) <= known_options()


@pytest.fixture
def slurm(tmp_path: Path) -> dict[str, str]:
    """An environment in which Slurm's and other commands only write down how they are called."""
    for name, content in STUBS.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "CALLS": str(tmp_path / "calls"),
        "SLURM_JOB_ID": "123456",
        "SLURM_JOB_NODELIST": "n[1-3]",
        "SLURM_CPUS_PER_TASK": "8",
    }


def calls(slurm: dict[str, str]) -> list[str]:
    return Path(slurm["CALLS"]).read_text().splitlines()


SCRIPT = ["bash", str(CLUSTER / "sweep.sbatch"), "recipes/mine.yaml", "/shared/runs/mine"]


def test_the_slurm_job_starts_ray_on_each_node_and_one_sweep(slurm: dict[str, str]) -> None:
    subprocess.run(["bash", "-n", SCRIPT[1]], check=True)
    subprocess.run(SCRIPT, check=True, env=slurm, timeout=60)
    said = calls(slurm)
    address = f"n1:{20000 + 123456 % 20000}"
    [sweep] = [call for call in said if call.startswith("armtune")]
    assert f"--to /shared/runs/mine --address {address} --resume" in sweep
    assert options_of(sweep.split()) <= known_options()
    steps = sorted(call for call in said if call.startswith("srun"))
    assert [step.partition("-w ")[2].split()[0] for step in steps] == ["n1", "n2", "n3"]
    assert "ray start --head" in steps[0]
    for step in steps[1:]:
        assert f"ray start --address {address}" in step
    checks = [call for call in said if call.startswith("ray health-check")]
    assert checks == [f"ray health-check --address {address}"] * 2, "until it answers"


def test_a_slurm_job_that_is_told_to_end_stops_its_sweep_and_is_queued_again(
    slurm: dict[str, str],
) -> None:
    pipe = subprocess.PIPE
    environment = {**slurm, "LONG": "1"}
    with subprocess.Popen(SCRIPT, env=environment, stdout=pipe, text=True) as job:
        assert job.stdout is not None
        assert job.stdout.readline() == "training\n"
        time.sleep(0.1)
        job.send_signal(signal.SIGTERM)
        said, _ = job.communicate(timeout=30)
    assert said == "stopped\n"
    assert job.returncode == 0
    assert calls(slurm)[-1] == "scontrol requeue 123456"


def test_a_head_that_never_starts_is_told(slurm: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "ray").write_text("#!/bin/bash\nexit 1\n")
    done = subprocess.run(SCRIPT, env=slurm, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "Ray's head did not start on n1" in done.stderr
    assert not [call for call in calls(slurm) if call.startswith("armtune")]
