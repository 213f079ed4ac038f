"""The pytest plugin: its options, and the hooks that collect and run scenario files."""

from __future__ import annotations

import sys
from argparse import SUPPRESS, ArgumentError
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from harness.plugin.imports import import_as_written

import_as_written("harness")  # before the imports that follow

from harness.base import HarnessError
from harness.base.scenario_files import SUFFIXES, is_below, is_meant, is_other_tool
from harness.base.settings import KNOBS
from harness.plugin import fixtures
from harness.plugin.reporting import ATTRIBUTE, Reporting
from harness.plugin.session import FOLDERS, PARTS, PROPERTY, RUNS, Runs

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from _pytest.terminal import TerminalReporter

    from harness.base.settings import Knob


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("harness", "service mesh scenarios")
    for knob in KNOBS:
        text = f"{knob.help} (environment: {knob.variable})"
        group.addoption(knob.option, dest=knob.ini, help=text, **_kept(knob))
        parser.addini(knob.ini, knob.help, default="")


def _kept(knob: Knob) -> dict[str, Any]:
    """How an option's values are kept."""
    return {"action": "store_true" if knob.flag else "append" if knob.many else "store", "default": None}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(parser: pytest.Parser) -> Generator[None, object, object]:
    """Adds the options without their prefix, once all others are there: whose name is taken isn't added."""
    result = yield
    group = parser.getgroup("harness", "service mesh scenarios")
    for knob in KNOBS:
        with suppress(ValueError, ArgumentError):
            group.addoption(knob.short, dest=knob.ini, help=SUPPRESS, **_kept(knob))
    return result


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "kind: needs a real cluster: Docker, kind, istioctl")
    config.addinivalue_line("markers", "xdist_group(name): keeps a scenario's expectations on one worker")
    config.stash[RUNS] = Runs(config)
    config.pluginmanager.register(fixtures, "harness-fixtures")
    if config.stash[RUNS].teller is not None and not _is_worker(config):
        config.pluginmanager.register(Reporting(config.stash[RUNS]), "harness-reporting")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Checks what is asked for by options; what an environment says mustn't end an unrelated run."""
    config = session.config
    if not _is_worker(config) and any(config.getoption(knob.ini, default=None) for knob in KNOBS):
        _preflight(config)


def _preflight(config: pytest.Config) -> None:
    try:
        config.stash[RUNS].preflight()
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_collection(session: pytest.Session) -> None:
    config = session.config
    config.stash[FOLDERS] = config.stash[RUNS].knobs.many("scenarios")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix not in SUFFIXES:
        return None
    if parent.session.isinitpath(file_path):
        collected = is_meant(file_path) or not is_other_tool(file_path)
    else:
        root, folders = parent.config.rootpath, parent.config.stash[FOLDERS]
        below = file_path.is_relative_to(root) and is_below(file_path.relative_to(root), folders)
        collected = below and is_meant(file_path)
    if not collected:
        return None
    from harness.plugin.collection import ScenarioFile

    return ScenarioFile.from_parent(parent, path=file_path)


@pytest.hookimpl(trylast=True)  # after what shuffles items
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if which := config.stash[RUNS].knobs.text("shard"):
        _keep_shard(config, items, which)
    checks = []
    if "harness.plugin.collection" in sys.modules:
        from harness.plugin.collection import CheckItem, in_order

        items[:] = in_order(items)
        checks = [item for item in items if isinstance(item, CheckItem)]
    if _is_worker(config):
        return
    if checks or any("cluster" in getattr(item, "fixturenames", ()) for item in items):
        _preflight(config)
    if not checks:
        return
    scenarios = {item.scenario.path: item.scenario for item in checks}
    try:
        window = config.stash[RUNS].window(scenarios.values())
        if window is not None:
            outside = [item for item in checks if item.order not in window]
            items[:] = [item for item in items if item not in outside]
            config.hook.pytest_deselected(items=outside)
        if not config.option.collectonly:
            config.stash[RUNS].ready(scenarios.values())
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error


def _keep_shard(config: pytest.Config, items: list[pytest.Item], which: str) -> None:
    from harness.plugin.shard import shard

    try:
        kept = shard(items, which)
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


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


@pytest.hookimpl(tryfirst=True)  # before JUnit's
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Takes the verdict from the report of a run that is repeated: the last one counts."""
    if str(report.outcome) == "rerun":
        report.user_properties[:] = [each for each in report.user_properties if each[0] != PROPERTY]


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
    asked = any(node.config.getoption(knob.ini, default=None) for knob in KNOBS)
    try:
        node.workerinput.update(node.config.stash[RUNS].share())
    except HarnessError as error:
        if asked:
            raise pytest.UsageError(str(error)) from error


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
