"""What lint is asked for: the table `[tool.harness.lint]` of a pyproject.toml, and options over it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.analysis.lint.rule import RULES, Severity
from harness.base.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.analysis.lint.rule import Rule
    from harness.base.places import Position

NEVER = "never"
FAIL_ON = (*Severity, NEVER)
_FILE = "pyproject.toml"


@dataclass(frozen=True)
class Settings:
    """Which rules are asked, what they weigh, and from which severity on lint fails (None: never).

    A rule goes by its id, by a pattern of ids (`route-*`), or by a code of istioctl's. `root` is the folder
    that the patterns of `per_file_ignores` and `baseline` are relative to.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severities: Mapping[str, Severity] = field(default_factory=dict)
    fail_on: Severity | None = Severity.WARNING
    baseline: Path | None = None
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    root: Path = Path()

    def asks(self, rule: Rule) -> bool:
        """Returns whether a rule is asked."""
        return (not self.select or among(rule, self.select)) and not among(rule, self.ignore)

    def severity(self, rule: Rule, case: str) -> Severity:
        """Returns what a case of a rule weighs."""
        own = (severity for name, severity in self.severities.items() if among(rule, (name,)))
        return next(own, None) or rule.severity_of(case)

    def ignores(self, rule: Rule, where: Position) -> bool:
        """Returns whether a rule says nothing of what stands in this file."""
        if not (self.per_file_ignores and where.source):
            return False
        path = Path(where.source).resolve()
        relative = path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
        return any(
            fnmatchcase(relative, pattern) and among(rule, names)
            for pattern, names in self.per_file_ignores.items()
        )

    def fails(self, severity: Severity) -> bool:
        """Returns whether a new trap of this severity makes lint fail."""
        return self.fail_on is not None and severity.rank <= self.fail_on.rank

    def over(
        self,
        select: Iterable[str] = (),
        ignore: Iterable[str] = (),
        fail_on: str | None = None,
        baseline: Path | None = None,
    ) -> Settings:
        """Returns these with what options say; raises InputError for an unknown rule."""
        return replace(
            self,
            select=_rules(select, "--select") or self.select,
            ignore=(*self.ignore, *_rules(ignore, "--ignore")),
            fail_on=_threshold(fail_on, "--fail-on") if fail_on else self.fail_on,
            baseline=baseline or self.baseline,
        )


def nearest(start: Path) -> Settings:
    """Returns the settings of the nearest pyproject.toml upwards that has the table; the defaults without.

    Raises InputError, with the file, for what isn't TOML, and for unknown keys, rules and values.
    """
    for folder in (start.resolve(), *start.resolve().parents):
        file = folder / _FILE
        if not file.is_file():
            continue
        try:
            content = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{file} can't be read", why=str(error)) from None
        if "harness" in (tools := content.get("tool", {})):
            where = f"{file} [tool.harness]"
            own = _mapping(tools["harness"], where)
            _check_keys(own, ("lint",), where)
            return _settings(own.get("lint", {}), file)
    return Settings()


def _settings(table: Any, file: Path) -> Settings:
    where = f"{file} [tool.harness.lint]"
    valid = ("select", "ignore", "severity", "fail-on", "baseline", "per-file-ignores")
    entries = _mapping(table, where)
    _check_keys(entries, valid, where)
    severities = _mapping(entries.get("severity", {}), f"{where} severity")
    ignores = _mapping(entries.get("per-file-ignores", {}), f"{where} per-file-ignores")
    baseline = entries.get("baseline")
    if baseline is not None and not isinstance(baseline, str):
        raise InputError("must be a path", where=f"{where} baseline")
    return Settings(
        _rules(entries.get("select", ()), f"{where} select"),
        _rules(entries.get("ignore", ()), f"{where} ignore"),
        {
            _rules([name], f"{where} severity")[0]: _severity(value, f"{where} severity.{name}")
            for name, value in severities.items()
        },
        _threshold(entries.get("fail-on", Settings.fail_on), f"{where} fail-on"),
        file.parent / baseline if baseline else None,
        {pattern: _rules(names, f"{where} per-file-ignores") for pattern, names in ignores.items()},
        file.parent,
    )


def _check_keys(entries: Iterable[str], valid: Sequence[str], where: str) -> None:
    for key in entries:
        if key not in valid:
            raise InputError(f"unknown key {key!r}", where=where, todo=did_you_mean(key, valid))


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InputError("must be a table", where=where)
    return value


def _rules(names: Any, where: str) -> tuple[str, ...]:
    """The names, each of which stands for a rule at least."""
    if isinstance(names, str):
        raise InputError("must be a list of rules", where=where, todo=f'write ["{names}"]')
    for name in names:
        if not any(among(rule, (name,)) for rule in RULES.values()):
            raise unknown_rule(str(name), where)
    return tuple(names)


def unknown_rule(name: str, where: str) -> InputError:
    """Returns the error for a name that stands for no rule."""
    todo = f"{did_you_mean(name, RULES)} (harness lint --rules lists them)"
    return InputError(f"unknown rule {name!r}", where=where, todo=todo)


def among(rule: Rule, names: Iterable[str]) -> bool:
    """Returns whether a name stands for a rule: its id, a pattern of ids, or a code of istioctl's."""
    return any(name in rule.istioctl or fnmatchcase(rule.id, name) for name in names)


def _severity(value: Any, where: str) -> Severity:
    if value not in tuple(Severity):
        raise InputError(f"unknown severity {value!r}", where=where, todo=did_you_mean(str(value), Severity))
    return Severity(value)


def _threshold(value: Any, where: str) -> Severity | None:
    if value not in FAIL_ON:
        raise InputError(f"unknown severity {value!r}", where=where, todo=did_you_mean(str(value), FAIL_ON))
    return None if value == NEVER else Severity(value)
