"""The command measures any folder and says what it found as one document, and what it lacks in one sentence."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # every model is a process of its own


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.quality", "--threads", "1", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)


def test_unknown_folder_runs_as_it_is(gifts: Path) -> None:
    models = "popularity,item-knn,ease,bpr,tf-idf"
    done = run(gifts, "--protocol", "leave-one-out", "--models", models, "--seeds", "0,1", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    (result,) = document["results"]
    assert (result["folder"], result["protocol"]) == (gifts.name, "leave-one-out")
    found = {model["model"]: model for model in result["models"]}
    assert list(found) == ["popularity", "item-kNN", "EASE", "BPR", "tf-idf"]
    for model in found.values():
        assert model["cases"] == found["popularity"]["cases"] > 400
        assert 0 < model["ndcg_at_10"] <= model["recall_at_10"] == model["hit_rate_at_10"] < 1
        assert model["precision_at_10"] == pytest.approx(model["recall_at_10"] / 10)
        assert model["map_at_10"] == pytest.approx(model["mrr_at_10"])
        assert 0 < model["coverage"] <= 1
        assert model["peak_mb"] > 20
    assert found["EASE"]["ndcg_at_10"] > 1.5 * found["popularity"]["ndcg_at_10"]
    assert found["popularity"]["popularity_percentile"] > found["tf-idf"]["popularity_percentile"]
    assert (found["EASE"]["seeds"], found["BPR"]["seeds"]) == ([0], [0, 1])
    assert found["BPR"]["standard_deviations"]["ndcg_at_10"] > 0
    assert "NDCG@10" in done.stderr


def test_folder_shows_itself_as_tables(gifts: Path) -> None:
    done = run(gifts, "--models", "popularity", "--markdown")
    assert done.returncode == 0, done.stderr
    assert "leave-one-out" in done.stdout
    assert "time-cut" in done.stdout
    assert "| popularity | 0.0" in done.stdout
    assert "NDCG@10" in run(gifts, "--models", "popularity", "--protocol", "leave-one-out").stdout


def test_folder_that_is_no_data_set_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, "--protocol", "leave-one-out", "--json")
    assert done.returncode == 1
    (failure,) = json.loads(done.stdout)["failures"]
    assert "interactions.csv.gz is not there" in failure
    assert "Traceback" not in done.stderr


def test_without_a_folder_it_says_what_to_do() -> None:
    done = run()
    assert done.returncode == 2
    assert "Name a folder" in done.stderr
