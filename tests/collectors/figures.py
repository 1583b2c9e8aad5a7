"""Works out the figures of a fixture machine a second time: python3 figures.py FOLDER. Prints the form of `expected`.

Written from proc(5), the kernel's admin-guide/iostats and telegraf's documentation, not from the program's source. Whole
numbers and fractions only, so nothing is rounded before the end.
"""

import glob
import os
import re
import sys
from fractions import Fraction

FOLDER = os.fsencode(sys.argv[1])


def read(moment, name):
    for part in (moment, b"always"):
        path = os.path.join(FOLDER, part, name)
        if os.path.exists(path):
            with open(path, "rb") as file:
                return file.read()
    return b""


def text(moment, name):
    return read(moment, name).decode("utf-8", "surrogateescape")


def safe(name):
    data = os.fsencode(name)
    return "".join(chr(byte) if 32 <= byte < 127 else "%%%02X" % byte for byte in data)


def show(section, field, value, **dimensions):
    dims = ",".join(f"{name}={safe(it)}" for name, it in dimensions.items())
    print(f"{section}\t{field}\t{dims}\t{float(value)!r}")


def cpu():
    names = "user nice system idle iowait irq softirq steal guest guest_nice".split()

    def times(moment):
        rows = [line.split() for line in text(moment, b"proc/stat").splitlines() if line.startswith("cpu")]
        return {row[0]: dict(zip(names, map(int, row[1:]))) for row in rows}

    before, after = times(b"first"), times(b"second")
    for label, now in after.items():
        label_shown = "cpu-total" if label == "cpu" else label
        whole = lambda t: sum(t[name] for name in names[:8])
        show("cpu", "time_active", Fraction(whole(now) - now["idle"], 100), cpu=label_shown)
        for name in names:
            show("cpu", "time_" + name, Fraction(now[name], 100), cpu=label_shown)
        old = before.get(label)
        if old is None or whole(now) <= whole(old):
            continue
        grown = {name: max(0, now[name] - old[name]) for name in names}
        passed = sum(grown[name] for name in names[:8])
        active = passed - grown["idle"]
        grown["user"] -= grown["guest"]
        grown["nice"] -= grown["guest_nice"]
        show("cpu", "usage_active", Fraction(100 * active, passed), cpu=label_shown)
        for name in names:
            show("cpu", "usage_" + name, Fraction(100 * grown[name], passed), cpu=label_shown)


MEMORY_ONLY = set(
    "proc sysfs devtmpfs devpts tmpfs securityfs cgroup cgroup2 mqueue overlay squashfs iso9660 autofs".split()
) | {"fuse.gvfsd-fuse"}


def disk():
    usages = {}
    for line in read(b"always", b"statvfs").splitlines():
        if not line.startswith(b"#"):
            *numbers, point = line.split(b" ", 6)
            usages[point] = [int(number) for number in numbers]
    unescape = lambda field: re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8)]), field)
    rows = []
    for line in read(b"always", b"proc/self/mountinfo").splitlines():
        left, dash, right = line.partition(b" - ")
        if dash:
            left, right = left.split(b" "), right.split(b" ")
            rows.append((left[2], unescape(left[4]), right[0].decode(), right[1]))
    show_disks("disk", rows, usages, lambda row: row[2] not in MEMORY_ONLY, once=True, device=True)
    wanted = (b"/", b"/dev/shm", b"/boot/firmware")
    show_disks("disk/", rows, usages, lambda row: row[1] in wanted and row[2] != "vfat", once=False, device=False)


def show_disks(section, rows, usages, is_wanted, once, device):
    rows = [row for row in rows if is_wanted(row)]
    if once:
        best = {}
        for row in rows:
            if row[0] not in best or len(row[1]) < len(best[row[0]][1]):
                best[row[0]] = row
        rows = [row for row in rows if best[row[0]] is row]
    for number, point, kind, source in rows:
        if point not in usages or usages[point][1] == 0:
            continue
        block, blocks, free, available, inodes, inodes_free = usages[point]
        source = device_of(number, source)
        dims = {"path": point, "device": source, "fstype": kind}
        if not device:
            del dims["device"]
        show(section, "free", available * block, **dims)
        show(section, "total", blocks * block, **dims)
        show(section, "used", (blocks - free) * block, **dims)
        show(section, "used_percent", Fraction(100 * (blocks - free), blocks - free + available), **dims)
        if inodes:
            show(section, "inodes_free", inodes_free, **dims)
            show(section, "inodes_total", inodes, **dims)
            show(section, "inodes_used", inodes - inodes_free, **dims)


def device_of(number, source):
    links = {b"/dev/root": b"sys/dev/block/" + number}
    link = links.get(source, source[1:] if source.startswith(b"/dev/mapper/") else None)
    if link and os.path.islink(os.path.join(FOLDER, b"always", link)):
        source = os.path.basename(os.readlink(os.path.join(FOLDER, b"always", link)))
    return source.removeprefix(b"/dev/")


def growth(before, after):
    """None where a counter started again; 32 bits that ran over went on."""
    grown = []
    for old, new in zip(before, after):
        if new < old:
            if not (3 * 2**30 <= old < 2**32 and new < 2**30):
                return None
            new += 2**32
        grown.append(new - old)
    return grown


def diskio():
    def devices(moment):
        rows = [line.split() for line in text(moment, b"proc/diskstats").splitlines()]
        rows = {row[2]: [int(it) for it in row[3:14]] for row in rows if len(row) >= 14}
        return {name: row for name, row in rows.items() if any(row)}

    before, after = devices(b"first"), devices(b"second")
    unasked = re.compile(r"(loop|z?ram)\d")
    root = os.path.join(FOLDER, b"always", b"dev/mapper/vg-root")
    root = os.readlink(root).decode().split("/")[-1] if os.path.islink(root) else None
    named = lambda name: re.fullmatch("mmcblk.", name) or name in ("loop0", root)
    for section, is_wanted in (("diskio", lambda name: not unasked.match(name)), ("diskio/", named)):
        for name in sorted(filter(is_wanted, after)):
            now = after[name]
            show(section, "iops_in_progress", now[8], name=name)
            parts = [9, 0, 2, 3, 4, 6, 7]
            grown = name in before and growth([before[name][i] for i in parts], [now[i] for i in parts])
            if grown:
                fields = "io_time reads read_bytes read_time writes write_bytes write_time".split()
                for field, value in zip(fields, grown):
                    show(section, field, value * (512 if field.endswith("bytes") else 1), name=name)


def mem():
    rows = (line.split() for line in text(b"second", b"proc/meminfo").splitlines())
    it = {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows}
    cached = it["Cached"] + it["SReclaimable"]
    used = it["MemTotal"] - it["MemFree"] - it["Buffers"] - cached
    show("mem", "active", it["Active"])
    show("mem", "available", it["MemAvailable"])
    show("mem", "available_percent", Fraction(100 * it["MemAvailable"], it["MemTotal"]))
    show("mem", "buffered", it["Buffers"])
    show("mem", "cached", cached)
    show("mem", "free", it["MemFree"])
    show("mem", "inactive", it["Inactive"])
    show("mem", "shared", it["Shmem"])
    show("mem", "total", it["MemTotal"])
    show("mem", "used", used)
    show("mem", "used_percent", Fraction(100 * used, it["MemTotal"]))
    return it


def swap(it):
    used = it["SwapTotal"] - it["SwapFree"]
    show("swap", "free", it["SwapFree"])
    show("swap", "used", used)
    show("swap", "used_percent", Fraction(100 * used, it["SwapTotal"]) if it["SwapTotal"] else 0)


def net():
    def interfaces(moment):
        rows = [line.rpartition(":") for line in text(moment, b"proc/net/dev").splitlines()[2:]]
        return {name.strip(): [int(it) for it in numbers.split()] for name, _, numbers in rows}

    def is_asked(name):
        flags = text(b"always", b"sys/class/net/" + os.fsencode(name) + b"/flags")
        return int(flags, 16) & 9 == 1 if flags else name != "lo"

    before, after = interfaces(b"first"), interfaces(b"second")
    fields = "bytes_sent bytes_recv drop_in drop_out err_in err_out packets_sent packets_recv".split()
    places = [8, 0, 3, 11, 2, 10, 9, 1]
    for section, is_wanted in (("net", is_asked), ("net/", lambda name: name == "lo" or name.startswith("wlan"))):
        for name in sorted(filter(is_wanted, after)):
            grown = name in before and growth([before[name][i] for i in places], [after[name][i] for i in places])
            for field, value in zip(fields, grown or []):
                show(section, field, value, interface=name)


def netstat():
    names = "established syn_sent syn_recv fin_wait1 fin_wait2 time_wait close close_wait last_ack listen closing".split()
    rows = lambda name: text(b"second", b"proc/net/" + name).splitlines()[1:]
    states = [int(line.split()[3], 16) for line in rows(b"tcp") + rows(b"tcp6")]
    for number, name in enumerate(names, 1):
        show("netstat", "tcp_" + name, states.count(number))
    show("netstat", "tcp_none", sum(not 1 <= state <= 11 for state in states))
    show("netstat", "udp_socket", len(rows(b"udp") + rows(b"udp6")))


def processes():
    stats = {}
    for moment in (b"always", b"first", b"second"):
        for path in glob.glob(os.path.join(FOLDER, moment, b"proc", b"[0-9]*", b"stat")):
            with open(path, "rb") as file:
                stats[path.split(b"/")[-2]] = re.fullmatch(rb"(?s)\d+ \(.*\) (.*)\n", file.read())[1].split()
    states = b"".join(fields[0] for fields in stats.values())
    letters = "blocked D, dead Xx, idle I, paging W, running R, sleeping S, stopped Tt, wait -, zombies Z"
    for field, of in (part.split() for part in letters.split(", ")):
        show("processes", field, sum(states.count(letter.encode()) for letter in of))
    show("processes", "total", len(stats))
    show("processes", "total_threads", sum(int(fields[17]) for fields in stats.values()))


cpu()
disk()
diskio()
meminfo = mem()
net()
netstat()
swap(meminfo)
processes()
