"""One colour a vehicle class, the same in every picture: Okabe and Ito's, told apart with each common colour blindness."""

from typing import Final

CLASS_COLORS: Final = {
    "motorcycle": "#E69F00",
    "car": "#56B4E9",
    "bus": "#CC79A7",
    "truck": "#D55E00",
    "bicycle": "#009E73",
}
