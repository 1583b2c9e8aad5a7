//! Keeps what is in memory from being written elsewhere: passwords, tokens and keys must not end in a core dump.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Has a crash leave no core dump and, on Linux, no other process of the same user look into this one's memory. Where the
/// system does not let us, a crash is no worse than that of any other program: nothing is said.
pub fn keep_private() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
    // A handler that gets core dumps by a pipe is told the limit, but need not keep to it.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
