//! Processor time and memory: what else the machine does counts less in them than in the time on the wall.

/// Seconds that this thread has run.
pub fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists on Linux, and `time` is ours to write.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(result, 0, "no processor clock");
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Seconds of processor time of this process.
#[derive(Clone, Copy)]
pub struct Used {
    /// In our own code.
    pub user: f64,
    /// In the kernel for us: a socket's reads above all.
    pub system: f64,
}

impl Used {
    pub fn since(self, before: Self) -> Self {
        Self { user: self.user - before.user, system: self.system - before.system }
    }
}

/// What this process has used so far.
pub fn used() -> Used {
    // SAFETY: all zeroes is a value of this plain structure, and it is ours to write.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, &mut usage), 0, "no usage");
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    Used { user: seconds(usage.ru_utime), system: seconds(usage.ru_stime) }
}

/// The most memory that a process ever had, in bytes; `None` when it is gone.
pub fn peak_memory(process: u32) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<usize>().ok()? * 1024)
}
