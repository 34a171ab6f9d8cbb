//! What processes use, from `/proc`.

use std::fs;
use std::hint::spin_loop;
use std::time::Duration;

use bench_job::Usage;
use rustix::param::clock_ticks_per_second;
use rustix::time::{ClockId, clock_gettime};

/// Burns CPU of this thread; time in which the thread does not run does not count.
pub fn burn(micros: u32) {
    if micros == 0 {
        return;
    }
    let end = thread_cpu() + Duration::from_micros(micros.into());
    while thread_cpu() < end {
        spin_loop();
    }
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// What a process has used so far, all threads that it has now.
pub(crate) fn usage(pid: u32) -> Usage {
    let mut used = Usage::default();
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return used };
    for thread in threads.flatten() {
        let read = |file| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
        let nanos: u64 = first_number(&read("schedstat"));
        used.cpu_s += nanos as f64 / 1e9;
        let switches = read("status");
        let switches = switches.lines().filter(|line| line.contains("ctxt_switches"));
        used.switches +=
            switches.filter_map(|line| line.split_once(':')).map(|(_, n)| first_number(n)).sum::<u64>();
    }
    used
}

/// A line of `/proc/PID/status` in KiB: `VmRSS` is what it has, `VmHWM` the most it had.
pub(crate) fn memory_kib(pid: u32, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(':')).map_or(0, first_number)
}

/// TCP segments sent in this network namespace.
pub(crate) fn segments() -> u64 {
    let snmp = fs::read_to_string("/proc/net/snmp").unwrap_or_default();
    let mut tcp = snmp.lines().filter_map(|line| line.strip_prefix("Tcp:"));
    let (Some(names), Some(values)) = (tcp.next(), tcp.next()) else { return 0 };
    let mut columns = names.split_whitespace().zip(values.split_whitespace());
    columns.find(|(name, _)| *name == "OutSegs").map_or(0, |(_, value)| first_number(value))
}

/// CPU time of everything on this machine so far, in seconds; what a hypervisor took away counts too.
pub(crate) fn machine_cpu_s() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = line.split_whitespace().skip(1).map(first_number).collect();
    // user, nice, system, (idle, iowait,) irq, softirq, steal; the rest is in user already.
    let busy = [0, 1, 2, 5, 6, 7].into_iter().filter_map(|column| ticks.get(column)).sum::<u64>();
    busy as f64 / clock_ticks_per_second() as f64
}

fn first_number(text: &str) -> u64 {
    text.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0)
}
