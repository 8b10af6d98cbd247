//! What processes cost, as the operating system counts it.

use std::fmt;
use std::fs;
use std::io;

/// Clock ticks a second in `/proc/PID/stat`: fixed by the kernel's interface.
const TICKS_PER_SECOND: f64 = 100.0;

/// Of one process, since its start.
#[derive(Debug, Clone)]
pub(crate) struct Cost {
    name: &'static str,
    cpu_seconds: f64,
    resident_mb: f64,
    peak_mb: f64,
}

impl Cost {
    pub(crate) fn of(name: &'static str, pid: u32) -> io::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The second field is the program's name in brackets and may hold blanks.
        let fields: Vec<&str> =
            stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|it| it.parse::<f64>().ok()).unwrap_or(0.0);
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let kilobytes = |label: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(label)).unwrap_or_default();
            line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0)
        };
        Ok(Self {
            name,
            cpu_seconds: (ticks(11) + ticks(12)) / TICKS_PER_SECOND,
            resident_mb: kilobytes("VmRSS:") / 1024.0,
            peak_mb: kilobytes("VmHWM:") / 1024.0,
        })
    }
}

/// Of all processes of the measurement.
#[derive(Debug, Clone)]
pub(crate) struct Usage(pub(crate) Vec<Cost>);

impl Usage {
    /// What was used since `before`, a transaction.
    pub(crate) fn since(&self, before: &Self, transactions: u32) -> impl fmt::Display {
        let shares = self.0.iter().zip(&before.0).map(|(now, then)| {
            let cpu_ms =
                (now.cpu_seconds - then.cpu_seconds) * 1000.0 / f64::from(transactions.max(1));
            format!(
                "{}: {cpu_ms:.2} ms CPU a transaction, {:.0} MB (peak {:.0})",
                now.name, now.resident_mb, now.peak_mb
            )
        });
        shares.collect::<Vec<_>>().join("; ")
    }
}
