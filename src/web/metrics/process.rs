//! What Linux says of this process (`proc(5)`), under the names that every client library uses.

use std::fs;

use super::family::{CPU, MEMORY, STARTED, Samples};

/// Clock ticks in a second, in what the kernel tells: the same on every Linux that this runs on.
const TICKS: f64 = 100.0;

/// Adds what is known; elsewhere than on Linux that is nothing.
pub(super) fn add(samples: &mut Samples) {
    if let Some(bytes) = resident() {
        samples.add(MEMORY, &[], bytes);
    }
    let Ok(stat) = fs::read_to_string("/proc/self/stat") else { return };
    // The name in brackets may hold blanks and brackets itself.
    let Some((_, rest)) = stat.rsplit_once(") ") else { return };
    let fields: Vec<f64> = rest.split(' ').map(|field| field.parse().unwrap_or(0.0)).collect();
    let (Some(user), Some(system), Some(start)) = (fields.get(11), fields.get(12), fields.get(19))
    else {
        return;
    };
    samples.add(CPU, &[], (user + system) / TICKS);
    if let Some(booted) = booted() {
        samples.add(STARTED, &[], booted + start / TICKS);
    }
}

fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1_024.0)
}

fn booted() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}
