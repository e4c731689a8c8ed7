"""A notebook's parameters: the literals of the cell tagged `parameters`, with the types that they show."""

import ast
import math
from dataclasses import dataclass
from typing import Any

from nbformat import NotebookNode

from ..profiles import PROFILES


@dataclass(frozen=True)
class Parameter:
    """One assignment of the parameters cell; its default gives the type that a value must have."""

    name: str
    default: Any

    def check(self, value: Any) -> Any:
        """The value, or ValueError where it does not have the default's type and sign. An int will do for a float."""
        if isinstance(self.default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not type(self.default):
            raise ValueError(
                f"parameter {self.name}: found {value!r} ({type(value).__name__}), "
                f"expected {type(self.default).__name__}, like {self.default!r}"
            )
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            self._check_range(value)
        if isinstance(self.default, (list, tuple)) and self.default:
            item = Parameter(f"{self.name}[...]", self.default[0])
            return type(self.default)(item.check(part) for part in value)
        return value

    def _check_range(self, value: float) -> None:
        """A number is positive where its default is, not negative where that is 0, and always finite."""
        least = "a positive number" if self.default > 0 else "0 or more" if self.default == 0 else "a finite number"
        if not math.isfinite(value) or value < 0 <= self.default or value == 0 < self.default:
            raise ValueError(f"parameter {self.name}: found {value!r}, expected {least}, like {self.default!r}")

    def parse(self, text: str) -> Any:
        """The value that a command line's text stands for; text parameters are taken as they are."""
        if isinstance(self.default, str):
            return text
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            value = text
        return self.check(value)


def parameters_cell(notebook: NotebookNode) -> NotebookNode | None:
    """The code cell tagged `parameters`, or None."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", []):
            return cell
    return None


def declared(notebook: NotebookNode) -> dict[str, Parameter]:
    """The parameters that a notebook has, in order.

    Raises ValueError where it has no cell tagged `parameters`, or that cell holds more than `name = literal` lines.
    """
    cell = parameters_cell(notebook)
    if cell is None:
        raise ValueError("found no cell tagged `parameters`, expected one")
    found = {}
    try:
        tree = ast.parse(cell.source)
    except SyntaxError as error:
        raise ValueError(f"parameters cell: found a syntax error in line {error.lineno}") from error
    for statement in tree.body:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        try:
            default = ast.literal_eval(statement.value)
        except (ValueError, AttributeError):
            default = None
        if not isinstance(target, ast.Name) or default is None:
            raise ValueError(f"parameters cell: found `{ast.unparse(statement)}`, expected `name = literal`")
        found[target.id] = Parameter(target.id, default)
    return found


def check_profile(profile: str) -> str:
    """The profile, or ValueError where there is none of that name."""
    if profile not in PROFILES:
        raise ValueError(f"profile: found {profile!r}, expected one of {', '.join(PROFILES)}")
    return profile


def to_inject(notebook: NotebookNode, profile: str, given: dict[str, Any]) -> dict[str, Any]:
    """What differs from the notebook's own parameters: the profile's name and the values given.

    given: name -> value, other than the profile.
    Raises ValueError for an unknown name, a value of the wrong type, an unknown profile or a notebook without one.
    """
    known = declared(notebook)
    if "profile" not in known:
        raise ValueError("parameters cell: found no `profile`, expected one")
    if "profile" in given:
        raise ValueError("parameter profile: found among the parameters, expected as the profile")
    values = {"profile": check_profile(profile)} | given
    checked = {name: _named(known, name).check(value) for name, value in values.items()}
    return {name: value for name, value in checked.items() if value != known[name].default}


def parse(notebook: NotebookNode, texts: dict[str, str]) -> dict[str, Any]:
    """The values that a command line's texts stand for in this notebook; ValueError as in `to_inject`."""
    known = declared(notebook)
    return {name: _named(known, name).parse(text) for name, text in texts.items()}


def _named(known: dict[str, Parameter], name: str) -> Parameter:
    if name not in known:
        raise ValueError(f"parameter {name}: unknown, expected one of {', '.join(known)}")
    return known[name]
