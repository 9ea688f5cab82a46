"""Points as SVG, in the colours that the live views have."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from playground.ui.svg import CLASS_COLOURS, UNKNOWN, circle, class_colour, framed

THEME = Path(__file__).resolve().parents[1] / "assets" / "live" / "theme.js"


def test_classes_have_the_colours_of_the_live_views():
    listed = THEME.read_text().partition("CLASS_COLOURS = [")[2].partition("];")[0]
    colours = [tuple(map(int, numbers)) for numbers in re.findall(r"\[(\d+), (\d+), (\d+)\]", listed)]
    assert ["#{:02x}{:02x}{:02x}".format(*colour) for colour in colours] == list(CLASS_COLOURS)


def test_a_value_has_the_colour_of_its_sign_and_nothing_known_is_gray():
    assert class_colour(0.5, 0) == class_colour(1, 2) == CLASS_COLOURS[1]
    assert class_colour(-0.5, 0) == class_colour(0.0, 0) == CLASS_COLOURS[0]
    assert class_colour(12, 20) == CLASS_COLOURS[2]
    assert class_colour(None, 3) == UNKNOWN


def test_a_picture_is_well_formed():
    root = ElementTree.fromstring(framed(100, [circle(1, 2.25, 3, fill="#fff", stroke_width=1.2)]))
    _, point = root
    assert point.attrib == {"cx": "1.0", "cy": "2.2", "r": "3", "fill": "#fff", "stroke-width": "1.2"}
