"""SVG elements as text, and the scales of axes."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from math import ceil, floor, log10

from markupsafe import Markup

INK = "#1d2733"
MUTED = "#5b6878"
RULE = "#d9dee5"
SERIES = ("#2b6490", "#3f8f7f", "#b27d2a", "#7a5a91", "#a8503f", "#5d7036", "#6b7580", "#c07590")


def element(name: str, content: str = "", /, **attributes: object) -> str:
    """One element; underscores in attribute names become hyphens, `content` is taken as markup."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(v))}"' for key, v in attributes.items())
    return f"<{name}{given}>{content}</{name}>" if content else f"<{name}{given}/>"


def text(x: float, y: float, words: str, **attributes: object) -> str:
    """A text element."""
    given: dict[str, object] = {"fill": MUTED, "font_size": 12} | attributes
    return element("text", escape(words), x=x, y=y, **given)


def line(x1: float, y1: float, x2: float, y2: float, **attributes: object) -> str:
    """A line."""
    given: dict[str, object] = {"stroke": RULE} | attributes
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **given)


def rectangle(x: float, y: float, width: float, height: float, fill: str, **attributes: object) -> str:
    """A filled rectangle."""
    return element("rect", x=x, y=y, width=max(width, 0), height=height, fill=fill, **attributes)


def picture(width: float, height: float, title: str, parts: Iterable[str]) -> Markup:
    """A whole picture that scales with the page."""
    content = element("title", escape(title)) + "".join(parts)
    box = f"0 0 {_plain(width)} {_plain(height)}"
    return Markup(element("svg", content, viewBox=box, role="img", xmlns=SVG))  # every text was escaped by `element`


SVG = "http://www.w3.org/2000/svg"


def round_ticks(top: float, most: int = 6) -> list[float]:
    """Round positions from 0 to just above `top`."""
    if top <= 0:
        return [0.0, 1.0]
    rough = top / most
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [index * step for index in range(ceil(top / step - 1e-9) + 1)]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten that enclose both values, at least two."""
    first, last = floor(log10(low)), ceil(log10(high))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def _plain(value: object) -> str:
    """Numbers with at most two decimals, so that equal drawings are equal bytes."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
