"""A text with values in it, which remembers both: logs and the API read it, a screen says it in another language."""

from __future__ import annotations

from typing import Any


class Filled(str):
    """The template with its values filled in: an English text like any other, made again in any language.

    ``Filled("The return is {status}.", status=one.status)``. The template is a constant with named places, so that it can
    stand in the catalogue of words. A value that is a word or text of ours, to be translated as well, is a member of an enum
    or itself Filled; any other stands as it is. Raises KeyError where a value is missing.
    """

    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, /, **values: Any) -> Filled:
        text = super().__new__(cls, template.format(**values) if values else template)
        text.template, text.values = template, values
        return text

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        """For copies: made anew from template and values."""
        return (self.template,), self.values
