"""The load generator against its own stub, and the arithmetic of the report."""

from __future__ import annotations

import io
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from conformance.bench import cases, loadgen, report, rounds
from conformance.bench.cases import Case, Stage, Unit
from conformance.bench.measure import Plan, Sample
from conformance.bench.rounds import APACHE, OURS, TUNED, Results

needs_gcc = pytest.mark.skipif(
    shutil.which("gcc") is None, reason="the load generator is compiled by gcc, which is not here"
)

FULL = cases.all_cases(watchers=1000, idle_sessions=10_000, znodes=1_000_000)


@pytest.fixture(scope="module")
def stub_port() -> Iterator[int]:
    with loadgen.stub() as port:
        yield port


@needs_gcc
@pytest.mark.parametrize("mode", loadgen.STEADY_MODES)
def test_steady_modes_run_clean_against_the_stub(mode: str, stub_port: int) -> None:
    found = loadgen.run(mode, stub_port, connections=5, depth=8, seconds=0.2, warmup=0.05)
    assert (found["errors"], found["wrong_xids"], found["lost"]) == (0, 0, 0)
    assert found["ops"] > 0
    assert found["ops_per_s"] == pytest.approx(found["ops"] / found["seconds"], rel=1e-3)
    assert 0 < found["p50_us"] <= found["p99_us"] <= found["p999_us"] <= found["max_us"]


@needs_gcc
def test_connect_counts_sessions_opened_and_closed(stub_port: int) -> None:
    found = loadgen.run("connect", stub_port, at_once=4, seconds=0.2, warmup=0)
    assert found["ops"] > 0
    assert found["errors"] == 0


@needs_gcc
def test_fanout_times_each_round_and_takes_the_median(stub_port: int) -> None:
    found = loadgen.run("fanout", stub_port, connections=30, rounds=5)
    last = [found[f"last_{number}_us"] for number in range(1, 6)]
    assert found["last_us"] == sorted(last)[2]
    assert 0 < found["first_us"] <= found["last_us"]


@needs_gcc
def test_idle_says_when_all_sessions_are_open(stub_port: int) -> None:
    idler = loadgen.pinned(loadgen.command("idle", stub_port, connections=20, at_once=5), None)
    assert idler.stdout is not None
    ready = json.loads(idler.stdout.readline())
    assert ready["ready"] is True
    assert ready["sessions"] == 20
    assert loadgen.finish(idler, 30)["lost"] == 0


@needs_gcc
def test_idle_sessions_send_pings() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
        idler = loadgen.pinned(loadgen.command("idle", port, connections=1), None)
        connection, _ = listener.accept()
        with connection:
            # Pings come three times in a timeout; 90 ms bring the first one soon.
            _shake_hands(connection, timeout_ms=90)
            ping = _read_frame(connection)
            assert ping == (-2).to_bytes(4, signed=True) + (11).to_bytes(4)
            connection.sendall(_frame(ping[:4] + bytes(12)))
            assert loadgen.finish(idler, 30)["ops"] >= 1


@needs_gcc
def test_fill_creates_what_it_was_asked_for(stub_port: int) -> None:
    found = loadgen.run("fill", stub_port, connections=3, depth=16, znodes=5000, parents=10)
    assert found["ops"] == 5000


@needs_gcc
def test_first_waits_for_a_server_that_is_not_there_yet() -> None:
    with socket.socket() as listener:
        # Bound but not listening: connections are refused, and nobody else takes the port.
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
        waiter = loadgen.pinned(loadgen.command("first", port, seconds=60), None)
        listener.listen()
        connection, _ = listener.accept()
        # The first connection is closed in the handshake, as a server does that is not ready.
        connection.close()
        connection, _ = listener.accept()
        with connection:
            _shake_hands(connection)
            _read_frame(connection)
            connection.sendall(_frame((1).to_bytes(4) + bytes(12) + bytes(72)))
            _read_frame(connection)
        found = loadgen.finish(waiter, 60)
    assert found["us"] > 0


def _frame(payload: bytes) -> bytes:
    return len(payload).to_bytes(4) + payload


def _read_frame(connection: socket.socket) -> bytes:
    length = int.from_bytes(connection.recv(4, socket.MSG_WAITALL))
    return connection.recv(length, socket.MSG_WAITALL)


def _shake_hands(connection: socket.socket, timeout_ms: int = 30_000) -> None:
    _read_frame(connection)
    session = timeout_ms.to_bytes(4) + (7).to_bytes(8)
    connection.sendall(_frame(bytes(4) + session + (16).to_bytes(4) + bytes(16) + b"\0"))


class BadServer:
    """Shakes hands, then answers each request with what ``reply`` makes of its xid."""

    def __init__(self, xid_offset: int = 0, error: int = 0, answers: int = 10**9) -> None:
        self.xid_offset, self.error, self.answers = xid_offset, error, answers
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        connection, _ = self.listener.accept()
        with connection:
            _shake_hands(connection)
            while self.answers > 0 and (request := _read_frame(connection)):
                self.answers -= 1
                xid = int.from_bytes(request[:4]) + self.xid_offset
                closing = int.from_bytes(request[4:8], signed=True) == -11
                body = b"" if self.error else bytes(72)
                head = xid.to_bytes(4) + bytes(8) + self.error.to_bytes(4, signed=True)
                connection.sendall(_frame(head + body))
                if closing:
                    return

    def close(self) -> None:
        self.thread.join(30)
        self.listener.close()


@needs_gcc
@pytest.mark.parametrize(
    ("fault", "counted"),
    [
        ({"xid_offset": 1}, "wrong_xids"),
        ({"error": -101}, "errors"),
        ({"answers": 40}, "lost"),
    ],
)
def test_a_server_that_errs_is_found_out(fault: dict[str, int], counted: str) -> None:
    server = BadServer(**fault)
    line = loadgen.command(
        "exists", server.port, connections=1, depth=2, seconds=0.2, warmup=0, keys=10
    )
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    server.close()
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)[counted] > 0


@needs_gcc
def test_a_failed_run_raises_with_what_the_generator_said() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = int(closed.getsockname()[1])
        with pytest.raises(loadgen.LoadError, match="cannot connect"):
            loadgen.run("get", port, connections=1, seconds=0.1)


@needs_gcc
def test_options_are_checked() -> None:
    with pytest.raises(loadgen.LoadError, match="multiple of ten"):
        loadgen.run("get", 1, keys=15)
    with pytest.raises(loadgen.LoadError, match="not a whole number from 1"):
        loadgen.run("get", 1, depth=0)
    with pytest.raises(loadgen.LoadError, match="number of seconds"):
        loadgen.run("get", 1, seconds=-1)
    with pytest.raises(loadgen.LoadError, match="no mode"):
        loadgen.run("juggle", 1)


def _case(unit: Unit, target: float | None) -> Case:
    return Case("k", "label", Stage.LOADED, unit, "get", target)


@pytest.mark.parametrize(
    ("unit", "ratio", "met"),
    [
        (Unit.OPS, 2.0, True),
        (Unit.OPS, 1.99, False),
        (Unit.MS, 2.0, True),
        (Unit.MS, 2.01, False),
        (Unit.MB, 0.1, True),
    ],
)
def test_a_target_is_a_least_or_a_greatest_ratio(unit: Unit, ratio: float, met: bool) -> None:
    assert _case(unit, 2.0).met(ratio) is met
    assert _case(unit, None).met(ratio) is None


def _results(figures: dict[str, list[float]]) -> Results:
    samples = [
        Sample(name, number, "k", value, {"p50_us": value / 10, "p99_us": value})
        for name, values in figures.items()
        for number, value in enumerate(values, 1)
    ]
    return Results(samples, {})


def test_a_ratio_is_the_median_over_pairs_of_runs() -> None:
    results = _results({OURS: [100, 900, 300], APACHE: [100, 450, 50], TUNED: [200, 100]})
    line = report.row(_case(Unit.OPS, 2.0), results)
    assert (line.ours, line.apache, line.ratio, line.met) == (300, 100, 2.0, True)
    assert line.ratio_tuned == (0.5 + 9.0) / 2
    assert line.ratio_both is None
    assert (line.ours_p50_us, line.ours_p99_us) == (30, 300)


def test_failed_samples_are_left_out_and_missing_ones_give_no_verdict() -> None:
    results = _results({OURS: [100, 200]})
    results.samples.append(Sample(OURS, 3, "k", None, error="lost a connection"))
    line = report.row(_case(Unit.OPS, 2.0), results)
    assert (line.ours, line.apache, line.ratio, line.met) == (150, None, None, None)
    assert report.ratio([(1.0, 0.0)]) is None


def test_a_failed_run_takes_its_pair_along() -> None:
    results = _results({OURS: [100, 200, 300]})
    results.samples += [
        Sample(APACHE, 1, "k", 50),
        Sample(APACHE, 2, "k", None, error="lost a connection"),
        Sample(APACHE, 3, "k", 30),
    ]
    assert results.pairs(OURS, APACHE, "k") == [(100, 50), (300, 30)]


def test_the_table_shows_figures_verdicts_and_only_the_variants_that_ran() -> None:
    lines = [
        report.row(_case(Unit.OPS, 2.0), _results({OURS: [84_100], APACHE: [40_000]})),
        report.row(_case(Unit.MS, 0.5), _results({OURS: [8.0], APACHE: [10.0]})),
    ]
    out = io.StringIO()
    Console(file=out, width=150).print(report.table(lines, "title"))
    text = out.getvalue()
    for part in ("84.1k/s", "40.0k/s", "2.10x", ">= 2 met", "0.80x", "<= 0.5 MISSED"):
        assert part in text
    assert "vs tuned" not in text
    assert report.summary(lines) == "1 of 2 targets met; missed: label"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1_254_000, "/s", "1.25M/s"),
        (16_400, "/s", "16.4k/s"),
        (999, "/s", "999/s"),
        (5.44, "ms", "5.44 ms"),
        (710.2, "ms", "710 ms"),
        (62.04, "MB", "62.0 MB"),
        (None, "MB", "-"),
    ],
)
def test_numbers_are_short(value: float | None, unit: str, text: str) -> None:
    assert report.number(value, unit) == text


def test_json_holds_rows_samples_and_where_it_was(tmp_path: Path) -> None:
    results = _results({OURS: [3.0], APACHE: [1.5]})
    path = tmp_path / "new" / "out.json"
    lines = [report.row(_case(Unit.OPS, None), results)]
    report.write_json(path, lines, results, {"cpu": "x"})
    document = json.loads(path.read_text())
    assert document["about"]["cpu"] == "x"
    assert document["rows"][0]["ratio"] == 2.0
    assert [sample["value"] for sample in document["samples"]] == [3.0, 1.5]


def test_cases_have_unique_keys_and_patterns_choose_by_key_or_label() -> None:
    assert len({case.key for case in FULL}) == len(FULL)
    assert {case.mode for case in cases.select(FULL, ["set-*"])} == {"set"}
    assert [case.key for case in cases.select(FULL, ["memory, fresh"])] == ["rss-fresh"]
    assert cases.select(FULL, []) == FULL
    assert cases.select(FULL, ["nothing"]) == ()


def test_small_sizes_have_no_targets_that_were_set_for_large_ones() -> None:
    small = cases.all_cases(watchers=1000, idle_sessions=10, znodes=10)
    assert all(case.target is None for case in small if case.stage is not Stage.LOADED)
    assert any(case.target is not None for case in FULL if case.stage is Stage.FILLED)


def test_variants_bring_their_contestants_and_cases() -> None:
    plan = Plan(FULL, 1, 0, 0, 5, 1000, 10_000, 1_000_000)
    everyone = rounds.contestants(rounds.matching_variants("default,tuned,both"))
    parts = {entrant.name: rounds.plan_for(entrant, plan).cases for entrant in everyone}
    assert list(parts) == [OURS, APACHE, TUNED, rounds.OURS_BOTH, rounds.APACHE_BOTH]
    assert parts[OURS] == parts[APACHE] == FULL
    assert {case.unit for case in parts[TUNED]} == {Unit.OPS}
    assert {case.stage for case in parts[rounds.APACHE_BOTH]} == {Stage.LOADED}
    assert [e.name for e in rounds.contestants(("default",))] == [OURS, APACHE]
    pair = rounds.contestants(("default",))
    at_start = sum(not case.is_load for case in FULL)
    plan = replace(plan, laps=3)
    expected = 2 * 2 * (3 * len(FULL) - 2 * at_start)
    assert rounds.samples_expected(2, pair, plan) == expected
    with pytest.raises(ValueError, match="no variant 'fast'"):
        rounds.matching_variants("fast")


def test_disturbance_is_the_median_of_what_others_used() -> None:
    used = [0.1, 0.9, 0.2]
    samples = [Sample(OURS, 1, "k", 1.0, {"foreign_cores": cores}) for cores in used]
    assert report.disturbance(Results(samples, {})) == 0.2
    assert report.disturbance(Results([], {})) is None
