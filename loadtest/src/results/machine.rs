//! On what a run took place, so that nobody compares two machines unawares.

use procfs::{CpuInfo, Current, LoadAverage, Meminfo};
use serde::{Deserialize, Serialize};

const KERNEL_RELEASE: &str = "/proc/sys/kernel/osrelease";

/// As Linux tells it; what it does not tell is empty or 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processors: usize,
    pub(crate) processor: String,
    pub(crate) memory_bytes: u64,
    /// Release of the kernel.
    pub(crate) kernel: String,
    /// Of the last minute, when the results were made.
    pub(crate) load_average: f32,
}

impl Machine {
    /// The one that this runs on.
    pub(crate) fn this() -> Self {
        let processors = std::thread::available_parallelism().map_or(0, usize::from);
        let info = CpuInfo::current().ok();
        let processor = info.as_ref().and_then(|info| info.model_name(0)).unwrap_or_default();
        let kernel = std::fs::read_to_string(KERNEL_RELEASE).unwrap_or_default();
        Self {
            processors,
            processor: processor.to_owned(),
            memory_bytes: Meminfo::current().map_or(0, |memory| memory.mem_total),
            kernel: kernel.trim().to_owned(),
            load_average: LoadAverage::current().map_or(0.0, |load| load.one),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_processor_and_memory() {
        let machine = Machine::this();
        assert!(machine.processors > 0 && machine.memory_bytes > 0, "{machine:?}");
        assert!(machine.kernel.contains('.'), "{machine:?}");
    }
}
