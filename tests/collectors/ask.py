"""Says what psutil says: a line of JSON for each line on standard input."""

import json
import sys
from collections import Counter

import psutil

for _ in sys.stdin:
    answer = {
        "cpu": {"cpu-total": psutil.cpu_times()._asdict()},
        "mem": psutil.virtual_memory()._asdict(),
        "swap": psutil.swap_memory()._asdict(),
        "disk": {name: it._asdict() for name, it in psutil.disk_io_counters(perdisk=True, nowrap=False).items()},
        "net": {name: it._asdict() for name, it in psutil.net_io_counters(pernic=True, nowrap=False).items()},
        "tcp": Counter(it.status for it in psutil.net_connections("tcp")),
        "udp": len(psutil.net_connections("udp")),
    }
    answer["cpu"].update((f"cpu{n}", it._asdict()) for n, it in enumerate(psutil.cpu_times(percpu=True)))
    print(json.dumps(answer), flush=True)
