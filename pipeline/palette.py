"""One colour a vehicle class, the same in every picture: Okabe and Ito's, told apart by colour-blind readers too."""

from typing import Final

CLASS_COLORS: Final = {
    "motorcycle": "#E69F00",
    "car": "#56B4E9",
    "bus": "#CC79A7",
    "truck": "#D55E00",
    "bicycle": "#009E73",
}
