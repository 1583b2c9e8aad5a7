"""Uses the processor for a while, then holds memory and descriptors, says what psutil makes of it, and waits to be ended."""

import json
import os
import signal
import sys
import time

import psutil

seconds = float(sys.argv[1])
# A signal that waits, and a priority of its own.
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
os.kill(os.getpid(), signal.SIGUSR1)
os.nice(5)
held = [open(os.devnull) for _ in range(20)]
memory = bytearray(32 * 1024 * 1024)
for at in range(0, len(memory), 4096):
    memory[at] = 1
with open(sys.argv[2], "wb") as file:
    for _ in range(50):
        file.write(os.urandom(4096))
        file.flush()
    os.fsync(file.fileno())
# Only once it is known of, so that both looks have it.
print("ready", flush=True)
sys.stdin.readline()
began = time.process_time()
while time.process_time() - began < seconds:
    pass
print("burnt", flush=True)
for _ in sys.stdin:
    me = psutil.Process()
    with me.oneshot():
        times, memory_info, io, switches = me.cpu_times(), me.memory_full_info(), me.io_counters(), me.num_ctx_switches()
        told = {
            "cpu_time_user": times.user,
            "cpu_time_system": times.system,
            "cpu_time_iowait": times.iowait,
            "memory_rss": memory_info.rss,
            "memory_vms": memory_info.vms,
            "memory_data": memory_info.data,
            "memory_swap": memory_info.swap,
            "num_fds": me.num_fds(),
            "num_threads": me.num_threads(),
            "nice_priority": 20 - me.nice(),
            "read_count": io.read_count,
            "write_count": io.write_count,
            "read_bytes": io.read_bytes,
            "write_bytes": io.write_bytes,
            "voluntary_context_switches": switches.voluntary,
            "involuntary_context_switches": switches.involuntary,
            "pid": me.pid,
        }
        for name, limit in {
            "num_fds": psutil.RLIMIT_NOFILE,
            "memory_stack": psutil.RLIMIT_STACK,
            "memory_locked": psutil.RLIMIT_MEMLOCK,
            "signals_pending": psutil.RLIMIT_SIGPENDING,
            "memory_vms": psutil.RLIMIT_AS,
            "cpu_time": psutil.RLIMIT_CPU,
        }.items():
            for kind, value in zip(("soft", "hard"), me.rlimit(limit)):
                if value != psutil.RLIM_INFINITY:
                    told[f"rlimit_{name}_{kind}"] = value
        told["load"] = os.getloadavg()
    print(json.dumps(told), flush=True)
