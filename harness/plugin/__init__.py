"""The pytest plugin: its options, and the hooks that collect and run scenario files."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from harness.plugin.imports import import_as_written

import_as_written("harness")  # before the imports that follow

from harness.base import HarnessError
from harness.base.settings import KNOBS, SCENARIO_SUFFIXES, is_scenario
from harness.plugin import fixtures
from harness.plugin.reporting import ATTRIBUTE, Reporting
from harness.plugin.session import PARTS, PROPERTY, RUNS, Runs

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from _pytest.terminal import TerminalReporter


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("harness", "service mesh scenarios")
    for knob in KNOBS:
        text = f"{knob.help} (environment: {knob.variable})"
        if knob.flag:
            group.addoption(knob.option, dest=knob.destination, action="store_true", help=text)
        elif not (knob.theirs and find_spec("pytest_kind")):
            action = "append" if knob.many else "store"
            group.addoption(knob.option, dest=knob.destination, action=action, default=None, help=text)
        parser.addini(knob.ini, knob.help, default="")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "kind: needs a real cluster: Docker, kind, istioctl")
    config.addinivalue_line("markers", "xdist_group(name): keeps a scenario's expectations on one worker")
    config.stash[RUNS] = Runs(config)
    config.pluginmanager.register(fixtures, "harness-fixtures")
    if config.stash[RUNS].teller is not None and not _is_worker(config):
        config.pluginmanager.register(Reporting(config.stash[RUNS]), "harness-reporting")


def pytest_sessionstart(session: pytest.Session) -> None:
    if _is_worker(session.config):
        return
    try:
        session.config.stash[RUNS].preflight()
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    named = file_path.suffix in SCENARIO_SUFFIXES and parent.session.isinitpath(file_path)
    if named or is_scenario(file_path):
        from harness.plugin.collection import ScenarioFile

        return ScenarioFile.from_parent(parent, path=file_path)
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if _is_worker(config) or "harness.plugin.collection" not in sys.modules:
        return
    from harness.plugin.collection import CheckItem

    scenarios = {item.scenario.path: item.scenario for item in items if isinstance(item, CheckItem)}
    if not scenarios:
        return
    try:
        window = config.stash[RUNS].window(scenarios.values())
        if window is not None:
            outside = [item for item in items if isinstance(item, CheckItem) and item.order not in window]
            items[:] = [item for item in items if item not in outside]
            config.hook.pytest_deselected(items=outside)
        if not config.option.collectonly:
            config.stash[RUNS].ready(scenarios.values())
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call" and (parts := item.stash.get(PARTS, None)):
        setattr(report, ATTRIBUTE, parts)  # pytest sends a report's further attributes along
    if call.when == "call" and report.failed:
        bundle = item.config.stash[RUNS].bundle(item)
        if bundle is not None:
            report.sections.append(("the cluster as it was then", str(bundle)))
            item.config.stash[RUNS].keep_verdict(item, bundle)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not session.config.stash[RUNS].close() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    rows: list[dict[str, Any]] = []
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and report.when == "call":
                rows += [dict(value) for name, value in report.user_properties if name == PROPERTY]  # type: ignore[call-overload]
    if rows and config.get_verbosity() > -2:
        from harness.report.terminal import table

        rows.sort(key=lambda row: (row["scenario"], *row["order"]))
        terminalreporter.write_sep("=", "verdicts")
        writer = terminalreporter._tw
        terminalreporter.write(table(rows, writer.fullwidth, colour=writer.hasmarkup))
    for warning in dict.fromkeys(config.stash[RUNS].warnings):  # last, where they are seen
        terminalreporter.write_line(f"harness: {warning}", yellow=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keeps each scenario on one worker, since its stages build on each other."""
    from harness.plugin.distribution import scheduler

    return scheduler(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells a worker which cluster it shares: it is made here, in the process that outlives them all."""
    try:
        node.workerinput.update(node.config.stash[RUNS].share())
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
