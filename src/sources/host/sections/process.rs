//! Reads what Linux tells of one process, in the terms of `procstat`.
//!
//! The CloudWatch Agent's fields and meaning (telegraf's procstat over gopsutil, read 2026-11-21), with three exceptions where it
//! tells what is not so: a limit that is `unlimited` is no figure, signals that wait are counted (the agent gives the bit mask as a
//! number), and a guest's time is the kernel's. Times of which Linux charges a process nothing (idle, nice, irq, …) are 0, as the
//! agent's are.
//!
//! Pure: no I/O, no clock, no tasks.

/// A figure under its name within `procstat`.
pub type Figure = (&'static str, f64);

/// Ticks a second in `/proc/PID/stat`, whatever the kernel's own clock (`USER_HZ`; proc(5)): 100 on all that this program is built for.
pub const TICKS_PER_SECOND: f64 = 100.0;

/// The flag of a thread of the kernel's own (`PF_KTHREAD`, include/linux/sched.h).
const KERNEL_THREAD: u64 = 0x0020_0000;

/// What is read of `/proc/PID/stat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The program's name, cut after 15 bytes.
    pub name: String,
    /// It works: it is neither over (zombie, dead) nor the kernel's own.
    pub is_program: bool,
    /// When it began, in ticks since the machine's start: with its id, what a process is recognised by.
    pub started: u64,
    /// Ticks in its own code, those lent to guests included.
    pub user: u64,
    /// Ticks in the kernel on its behalf.
    pub system: u64,
    /// Ticks that it waited for disks.
    pub waited: u64,
    /// Ticks lent to guests.
    pub guest: u64,
    /// −20 to 19, the lower the sooner.
    pub nice: i64,
    /// 1 to 99, or 0 where it is none of real time.
    pub realtime_priority: u64,
}

/// Reads `/proc/PID/stat`.
pub fn parse_stat(stat: &str) -> Option<Stat> {
    // The name stands in brackets and may hold any, and blanks too: it ends at the last one.
    let (before, after) = stat.split_once('(')?;
    before.trim().parse::<u32>().ok()?;
    let (name, rest) = after.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // By the numbers of proc(5), which counts from 1 and the id and the name along.
    let field = |number: usize| fields.get(number - 3).copied();
    let count = |number: usize| field(number)?.parse::<u64>().ok();
    let is_kernels = count(9)? & KERNEL_THREAD != 0;
    Some(Stat {
        name: name.to_owned(),
        is_program: !is_kernels && !matches!(field(3)?, "Z" | "X" | "x"),
        started: count(22)?,
        user: count(14)?,
        system: count(15)?,
        nice: field(19)?.parse().ok()?,
        // Kernels of long ago end before these.
        realtime_priority: count(40).unwrap_or(0),
        waited: count(42).unwrap_or(0),
        guest: count(43).unwrap_or(0),
    })
}

impl Stat {
    /// Ticks that it has used.
    pub fn used(&self) -> u64 {
        self.user.saturating_add(self.system)
    }

    /// Its times and priorities.
    pub fn figures(&self) -> Vec<Figure> {
        let seconds = |ticks: u64| ticks as f64 / TICKS_PER_SECOND;
        vec![
            ("cpu_time", seconds(self.used())),
            ("cpu_time_user", seconds(self.user)),
            ("cpu_time_system", seconds(self.system)),
            ("cpu_time_iowait", seconds(self.waited)),
            ("cpu_time_guest", seconds(self.guest)),
            ("cpu_time_guest_nice", 0.0),
            ("cpu_time_idle", 0.0),
            ("cpu_time_irq", 0.0),
            ("cpu_time_nice", 0.0),
            ("cpu_time_soft_irq", 0.0),
            ("cpu_time_steal", 0.0),
            ("cpu_time_stolen", 0.0),
            // As the system call counts it (getpriority(2), "C library/kernel differences"): 1 to 40, and 20 is what most have.
            ("nice_priority", 20.0 - self.nice as f64),
            ("realtime_priority", self.realtime_priority as f64),
        ]
    }
}

/// Reads `/proc/PID/status`: memory, threads, switches, signals. What is not there is left out: the kernel's own threads have no memory.
pub fn parse_status(status: &str) -> Vec<Figure> {
    let mut figures = Vec::with_capacity(10);
    let mut signals = None;
    for line in status.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.split_ascii_whitespace().next().unwrap_or_default();
        if let "SigPnd" | "ShdPnd" = key {
            // Those of the thread, and those of the process.
            let Ok(mask) = u64::from_str_radix(value, 16) else { continue };
            signals = Some(signals.unwrap_or(0) + mask.count_ones());
            continue;
        }
        // The unit is written kB and means KiB (proc(5)).
        let (field, unit) = match key {
            "VmRSS" => ("memory_rss", 1024),
            "VmSize" => ("memory_vms", 1024),
            "VmSwap" => ("memory_swap", 1024),
            "VmData" => ("memory_data", 1024),
            "VmStk" => ("memory_stack", 1024),
            "VmLck" => ("memory_locked", 1024),
            "Threads" => ("num_threads", 1),
            "voluntary_ctxt_switches" => ("voluntary_context_switches", 1),
            "nonvoluntary_ctxt_switches" => ("involuntary_context_switches", 1),
            _ => continue,
        };
        if let Ok(count) = value.parse::<u64>() {
            figures.push((field, count.saturating_mul(unit) as f64));
        }
    }
    figures.extend(signals.map(|count| ("signals_pending", f64::from(count))));
    figures
}

/// Reads `/proc/PID/io`: calls that read and wrote, and the bytes of them that went to a disk.
pub fn parse_io(io: &str) -> Vec<Figure> {
    let figure = |line: &str| {
        let (key, value) = line.split_once(':')?;
        let field = match key {
            "syscr" => "read_count",
            "syscw" => "write_count",
            "read_bytes" => "read_bytes",
            "write_bytes" => "write_bytes",
            _ => return None,
        };
        Some((field, value.trim().parse::<u64>().ok()? as f64))
    };
    io.lines().filter_map(figure).collect()
}

/// What the limits are called in `/proc/PID/limits`, and here: the soft one and the hard one.
const LIMITS: [(&str, &str, &str); 11] = [
    ("Max cpu time", "rlimit_cpu_time_soft", "rlimit_cpu_time_hard"),
    ("Max data size", "rlimit_memory_data_soft", "rlimit_memory_data_hard"),
    ("Max stack size", "rlimit_memory_stack_soft", "rlimit_memory_stack_hard"),
    ("Max resident set", "rlimit_memory_rss_soft", "rlimit_memory_rss_hard"),
    ("Max open files", "rlimit_num_fds_soft", "rlimit_num_fds_hard"),
    ("Max locked memory", "rlimit_memory_locked_soft", "rlimit_memory_locked_hard"),
    ("Max address space", "rlimit_memory_vms_soft", "rlimit_memory_vms_hard"),
    ("Max file locks", "rlimit_file_locks_soft", "rlimit_file_locks_hard"),
    ("Max pending signals", "rlimit_signals_pending_soft", "rlimit_signals_pending_hard"),
    ("Max nice priority", "rlimit_nice_priority_soft", "rlimit_nice_priority_hard"),
    ("Max realtime priority", "rlimit_realtime_priority_soft", "rlimit_realtime_priority_hard"),
];

/// Reads `/proc/PID/limits`. What is unlimited is left out: there is no figure for it.
pub fn parse_limits(limits: &str) -> Vec<Figure> {
    let mut figures = Vec::with_capacity(2 * LIMITS.len());
    for line in limits.lines() {
        let found = LIMITS.iter().find_map(|(name, soft, hard)| Some((line.strip_prefix(name)?, *soft, *hard)));
        let Some((values, soft, hard)) = found else { continue };
        for (field, value) in [soft, hard].into_iter().zip(values.split_ascii_whitespace()) {
            figures.extend(value.parse::<u64>().ok().map(|limit| (field, limit as f64)));
        }
    }
    figures
}

/// The command line of `/proc/PID/cmdline`, its words parted by one blank each.
pub fn parse_command(cmdline: &[u8]) -> String {
    let words: Vec<_> =
        cmdline.split(|byte| *byte == 0).filter(|word| !word.is_empty()).map(String::from_utf8_lossy).collect();
    words.join(" ")
}

/// The program's whole name, of which the kernel keeps `cut`: its first 15 bytes.
pub fn whole_name(cut: &str, cmdline: &[u8]) -> String {
    const KEPT: usize = 15;
    let word = cmdline.split(|byte| *byte == 0).next().unwrap_or_default();
    let name = String::from_utf8_lossy(word.rsplit(|byte| *byte == b'/').next().unwrap_or_default());
    if cut.len() >= KEPT && name.starts_with(cut) { name.into_owned() } else { cut.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    const STAT: &str = "4242 (a (b) c) S 1 4242 4242 0 -1 4194560 100 0 0 0 1234 567 0 0 20 5 7 0 98765 1000000 250 18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 3 0 0 42 9 0 0 0 0 0 0 0 0 0\n";

    fn map(figures: Vec<Figure>) -> BTreeMap<&'static str, f64> {
        figures.into_iter().collect()
    }

    #[test]
    fn a_name_may_hold_blanks_and_brackets() {
        let stat = parse_stat(STAT).unwrap();
        assert_eq!((stat.name.as_str(), stat.started, stat.is_program), ("a (b) c", 98_765, true));
    }

    #[test]
    fn ticks_become_seconds_and_priorities_are_as_the_system_call_counts_them() {
        let figures = map(parse_stat(STAT).unwrap().figures());
        assert_eq!(figures["cpu_time_user"], 12.34);
        assert_eq!(figures["cpu_time_system"], 5.67);
        assert_eq!(figures["cpu_time"], 18.01);
        assert_eq!(figures["cpu_time_iowait"], 0.42);
        assert_eq!(figures["cpu_time_guest"], 0.09);
        assert_eq!(figures["nice_priority"], 15.0);
        assert_eq!(figures["realtime_priority"], 0.0);
    }

    #[test]
    fn what_is_over_and_what_is_the_kernels_is_no_program() {
        assert!(!parse_stat(&STAT.replace(") S ", ") Z ")).unwrap().is_program);
        assert!(!parse_stat(&STAT.replace(" 4194560 ", " 2129984 ")).unwrap().is_program);
    }

    #[test]
    fn a_stat_that_ends_early_is_refused_unless_only_what_is_new_is_missing() {
        let until = |fields: usize| STAT.split(' ').take(fields + 2).collect::<Vec<_>>().join(" ");
        assert_eq!(parse_stat(&until(21)), None);
        assert_eq!(parse_stat(&until(22)).unwrap().waited, 0);
        for text in ["", "1", "1 (a", "1 (a)", "x (a) S 1", "(a)"] {
            assert_eq!(parse_stat(text), None, "{text:?}");
        }
    }

    #[test]
    fn memory_is_in_bytes_and_pending_signals_are_counted() {
        let figures = map(parse_status(
            "Name:\tx\nVmSize:\t    4096 kB\nVmLck:\t  0 kB\nVmRSS:\t 1024 kB\nVmData:\t 10 kB\nVmStk:\t 132 kB\nVmSwap:\t 8 kB\nThreads:\t3\nSigPnd:\t0000000000000001\nShdPnd:\t0000000000004002\nvoluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t7\n",
        ));
        let expected = [
            ("involuntary_context_switches", 7.0),
            ("memory_data", 10_240.0),
            ("memory_locked", 0.0),
            ("memory_rss", 1_048_576.0),
            ("memory_stack", 135_168.0),
            ("memory_swap", 8_192.0),
            ("memory_vms", 4_194_304.0),
            ("num_threads", 3.0),
            ("signals_pending", 3.0),
            ("voluntary_context_switches", 150.0),
        ];
        assert_eq!(figures, expected.into());
    }

    #[test]
    fn bytes_are_those_that_a_disk_saw() {
        let io = "rchar: 999\nwchar: 888\nsyscr: 7\nsyscw: 6\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 5\n";
        let expected = [("read_count", 7.0), ("write_count", 6.0), ("read_bytes", 4096.0), ("write_bytes", 8192.0)];
        assert_eq!(parse_io(io), expected);
    }

    #[test]
    fn what_is_unlimited_is_no_figure() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \nMax cpu time              unlimited            unlimited            seconds   \nMax open files            1024                 1048576              files     \nMax stack size            8388608              unlimited            bytes     \nMax nice priority         0                    0                    \n";
        let expected = [
            ("rlimit_num_fds_soft", 1024.0),
            ("rlimit_num_fds_hard", 1_048_576.0),
            ("rlimit_memory_stack_soft", 8_388_608.0),
            ("rlimit_nice_priority_soft", 0.0),
            ("rlimit_nice_priority_hard", 0.0),
        ];
        assert_eq!(parse_limits(limits), expected);
    }

    #[test]
    fn a_name_is_whole_where_the_command_line_goes_on_with_it() {
        assert_eq!(whole_name("cloudwatch-publ", b"/opt/bin/cloudwatch-publisher\0run\0"), "cloudwatch-publisher");
        assert_eq!(whole_name("cloudwatch-publ", b"other\0"), "cloudwatch-publ");
        assert_eq!(whole_name("nginx", b"nginx: master process\0"), "nginx");
    }

    #[test]
    fn a_command_line_is_its_words() {
        assert_eq!(parse_command(b"/usr/bin/python3\0-m\0http.server\0\0\0"), "/usr/bin/python3 -m http.server");
        assert_eq!(parse_command(b""), "");
        assert_eq!(parse_command(b"nginx: worker process"), "nginx: worker process");
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "([0-9]{1,5} \\([^\n]{0,20}\\) [A-Z]( -?[0-9x]{1,21}){0,52}\n)?([A-Za-z ]{0,20}:?[\t ]*[0-9a-f]{0,22}( kB)?\n){0,6}\\PC*") {
            parse_stat(&text).map(|stat| stat.figures());
            parse_io(&text);
            parse_command(text.as_bytes());
            for (_, value) in parse_status(&text).into_iter().chain(parse_limits(&text)) {
                prop_assert!(value.is_finite() && value >= 0.0);
            }
        }

        #[test]
        fn any_name_is_read_back(name in "\\PC{0,15}") {
            let stat = STAT.replace("a (b) c", &name);
            prop_assert_eq!(parse_stat(&stat).unwrap().name, name);
        }
    }
}
