"""Schemathesis against a running server: what the document says is what happens, whoever asks and however badly."""

import subprocess
import sys
from pathlib import Path

import pytest

SEED = "20260301"
# left out: a query parameter that is not known is not an error here, and many a well-formed request rightly gets 404
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,unsupported_method,allow_header_conformance"
)
# by credential: cases for each call, and whether the edges of every parameter are tried as well (some 2,000 cases)
RUNS = {
    "secret": (5, True),
    "publishable": (3, False),
    "member": (3, False),
    "operator": (3, False),
    "none": (2, False),
    "bad": (2, False),
}


@pytest.mark.slow
@pytest.mark.parametrize("credential", RUNS)
def test_what_the_document_says_is_what_happens(served, credential: str, tmp_path: Path) -> None:
    key = {"none": "", "bad": "vsk_" + "x" * 32}.get(credential) or getattr(served, credential, "")
    headers = ["-H", f"Authorization: Bearer {key}"] if key else []
    examples, edges = RUNS[credential]
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "run", f"{served.url}/openapi.json", *headers,
        "--checks", CHECKS + (",ignored_auth" if edges else ""),
        "--phases", "examples,coverage,fuzzing" if edges else "fuzzing",
        "--max-examples", str(examples), "--seed", SEED, "--max-failures", "5", "--request-timeout", "10",
        "--exclude-path", "/v1/tasks/{task_id}/stream",  # lasts as long as its task; test_tasks_api.py reads it
        "--suppress-health-check", "all", "--warnings", "off", "--no-color",
    ]  # fmt: skip
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-2000:]
