"""Heart rates of the recordings beside this file, by HeartPy.

python -m venv venv && venv/bin/pip install heartpy==1.2.7 'numpy<1.24' 'scipy<1.11'
venv/bin/python heartpy_figures.py > heartpy.json
"""

import json
import platform
from importlib.metadata import version
from pathlib import Path

import heartpy

HERE = Path(__file__).parent
WINDOW_S = 60


def figures(values, rate):
    working, measures = heartpy.process(values, sample_rate=rate)
    peaks, mask = working["peaklist"], working["RR_masklist"]
    intervals = [
        (end / rate, interval)
        for end, interval, rejected in zip(peaks[1:], working["RR_list"], mask)
        if not rejected
    ]
    windows = {}
    for end_s, interval in intervals:
        windows.setdefault(int(end_s // WINDOW_S), []).append(interval)
    removed = set(int(peak) for peak in working["removed_beats"])
    return {
        "sample_rate": round(float(rate), 6),
        "bpm": round(float(measures["bpm"]), 6),
        "beats": len(peaks),
        "beats_removed": len(removed),
        "intervals": len(intervals),
        "windows": [
            {
                "start_s": index * WINDOW_S,
                "intervals": len(found),
                "bpm": round(60000 / (sum(found) / len(found)), 6),
            }
            for index, found in sorted(windows.items())
        ],
        "beat_samples": [int(peak) for peak in peaks if int(peak) not in removed],
    }


def column(file, name):
    return heartpy.get_data(str(HERE / file), column_name=name)


def main():
    milliseconds = column("data2.csv", "timer")
    dates = column("data3.csv", "datetime")
    result = {
        "command": "python heartpy_figures.py > heartpy.json",
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("heartpy", "numpy", "scipy")},
        },
        "published_bpm": {
            "source": "https://github.com/paulvangentcom/heartrate_analysis_python, "
            "examples/1_regular_PPG/Analysing_a_PPG_signal.ipynb",
            "data.csv": 58.898848,
            "data2.csv": 62.376304,
            "data3.csv": 97.325149,
        },
        "data.csv": figures(heartpy.get_data(str(HERE / "data.csv")), 100.0),
        "data2.csv": figures(
            column("data2.csv", "hr"), heartpy.get_samplerate_mstimer(milliseconds)
        ),
        "data3.csv": figures(
            column("data3.csv", "hr"),
            heartpy.get_samplerate_datetime(dates, timeformat="%Y-%m-%d %H:%M:%S.%f"),
        ),
    }
    print(json.dumps(result))


main()
