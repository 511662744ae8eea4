"""Mel-frequency cepstral coefficients of one second of sound.

49 frames of 40 ms, 20 ms apart, ten coefficients each, as MLPerf Tiny's keyword spotting has them.
A product computes the same in its firmware, before it calls the network.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import dct

RATE = 8000
WINDOW = RATE
FRAME, HOP = 320, 160
FRAMES = (WINDOW - FRAME) // HOP + 1
BANDS, COEFFICIENTS = 40, 10
LOWEST, HIGHEST = 20.0, 4000.0
# Brings the coefficients near a spread of one.
SCALE = 0.1


def _mel(hertz: np.ndarray) -> np.ndarray:
    return 2595 * np.log10(1 + hertz / 700)


def _filters() -> np.ndarray:
    """float64 [BANDS, FRAME / 2 + 1]: triangles, equally far apart on the mel scale."""
    frequencies = _mel(np.fft.rfftfreq(FRAME, 1 / RATE))
    corners = np.linspace(*_mel(np.array([LOWEST, HIGHEST])), BANDS + 2)
    low, centre, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising = (frequencies - low) / (centre - low)
    falling = (high - frequencies) / (high - centre)
    return np.clip(np.minimum(rising, falling), 0, None)


_FILTERS = _filters()
_TAPER = np.hanning(FRAME)


def coefficients(sound: np.ndarray) -> np.ndarray:
    """float32 [49, 10] of 8,000 samples between -1 and 1."""
    starts = np.arange(FRAMES)[:, None] * HOP + np.arange(FRAME)
    power = np.abs(np.fft.rfft(sound[starts] * _TAPER)) ** 2
    bands = np.log(power @ _FILTERS.T + 1e-6)
    found: np.ndarray = dct(bands, norm="ortho")[:, :COEFFICIENTS] * SCALE
    return found.astype(np.float32)
