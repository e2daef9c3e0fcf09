"""Per layer, how much of the program's spikes is the float network's and the other way round: two bars a layer."""

from __future__ import annotations

from markupsafe import Markup

from toolchain.report.drawing import INK, RULE, SERIES, line, picture, rectangle, text
from toolchain.report.evidence import Fidelity
from toolchain.report.numbers import percent

WIDTH = 920.0
LEFT = 150.0
RIGHT = 110.0
ROW = 40.0


def agreement_figure(found: Fidelity | None) -> Markup | None:
    """Precision above recall, from 0 to 100 %, a pair of bars a layer; None where nothing was compared."""
    layers = () if found is None else found.layers
    if not layers:
        return None
    scale = WIDTH - LEFT - RIGHT
    bottom = 8 + ROW * len(layers)
    drawn = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = LEFT + share * scale
        drawn += [line(x, 4.0, x, bottom), text(x, bottom + 18, f"{100 * share:.0f} %", text_anchor="middle")]
    for index, layer in enumerate(layers):
        y = 8 + ROW * index
        drawn.append(text(LEFT - 12, y + 22, layer.population, text_anchor="end", fill=INK, font_size=13))
        for offset, value, color in ((4, layer.precision, SERIES[0]), (20, layer.recall, SERIES[1])):
            drawn.append(rectangle(LEFT, y + offset, scale, 13.0, RULE, opacity=0.5))
            if value is not None:
                drawn.append(rectangle(LEFT, y + offset, value * scale, 13.0, color))
            words = "no spikes" if value is None else percent(value)
            drawn.append(text(WIDTH - RIGHT + 8, y + offset + 11, words, font_size=11))
    return picture(WIDTH, bottom + 26, "Spikes that agree with the float network, by layer", drawn)
