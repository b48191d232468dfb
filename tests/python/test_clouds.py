"""The machine's own identity, under the clouds' own names and at their metadata service's own address."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
UNSHARE = ["unshare", "--net", "--mount"]


@pytest.fixture(scope="module")
def seen():
    # Needs the right to make namespaces (root); without it the unit tests of the metadata service remain.
    if sys.platform != "linux" or subprocess.run([*UNSHARE, "true"], capture_output=True).returncode != 0:
        pytest.skip("no right to make network namespaces here")
    command = [*UNSHARE, sys.executable, "-m", "servers.clouds"]
    ran = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(ran.stdout)


def test_googles_metadata_reads_what_googles_client_reads(seen):
    assert seen["google's client"] == seen["google region"] == "value-of-google"
    assert (seen["google"], seen["google logins"]) == (["value-of-google"] * 5, 1)
    assert seen["google hosts"] == ["secretmanager.europe-west1.rep.googleapis.com", "secretmanager.googleapis.com"]


def test_azures_metadata_reads_what_azures_client_reads(seen):
    # Azure's client stands at its default here: it verifies the challenge's resource.
    assert seen["azure's client"] == seen["azure"] == seen["azure by name"] == "value-of-azure"


def test_a_machine_without_identity_is_told_so(seen):
    assert seen["google refused"].startswith("secret.access") and "404" in seen["google refused"]
    assert seen["azure refused"].startswith("secret.access") and "400" in seen["azure refused"]


def test_a_resource_above_the_vaults_own_is_no_resource_for_the_machine(seen):
    assert "secret.access" in seen["azure foreign"] and seen["azure foreign logins"] == 0
