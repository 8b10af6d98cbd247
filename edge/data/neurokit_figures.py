"""Beats of the recordings beside this file, by NeuroKit2's implementation of Elgendi's method.

python -m venv venv && venv/bin/pip install neurokit2==0.2.13 numpy==2.4.6 scipy==1.17.1 pandas==2.3.3
venv/bin/python neurokit_figures.py > neurokit.json
"""

import csv
import json
import platform
from importlib.metadata import version
from pathlib import Path

import neurokit2

HERE = Path(__file__).parent
# File, column of the pulse, header lines, samples a second (NeuroKit2 takes whole ones).
RECORDINGS = (("data.csv", 0, 0, 100), ("data2.csv", 1, 1, 117), ("data3.csv", 1, 1, 100))


def beats(file, column, header, rate):
    with open(HERE / file, newline="") as lines:
        values = [float(row[column]) for row in list(csv.reader(lines))[header:]]
    clean = neurokit2.ppg_clean(values, sampling_rate=rate, method="elgendi")
    found = neurokit2.ppg_findpeaks(clean, sampling_rate=rate, method="elgendi")
    return [int(sample) for sample in found["PPG_Peaks"]]


def main():
    result = {
        "command": "python neurokit_figures.py > neurokit.json",
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("neurokit2", "numpy", "scipy", "pandas")},
        },
        **{file: {"beat_samples": beats(file, *rest)} for file, *rest in RECORDINGS},
    }
    print(json.dumps(result))


main()
