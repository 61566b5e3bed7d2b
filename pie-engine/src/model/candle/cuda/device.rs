//! What kernels run on: memory with addresses of its own, and a queue of launches.

use std::any::Any;
use std::sync::Arc;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A device refused or failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DeviceError(pub String);

pub(super) type Result<T> = std::result::Result<T, DeviceError>;

/// The kernels, by their names in `kernels.c`.
macro_rules! kernels {
    ($($kernel:ident $name:literal,)*) => {
        /// A kernel.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Kernel { $($kernel,)* }

        impl Kernel {
            /// All of them, in the order of their numbers.
            #[cfg(feature = "cuda")]
            pub const ALL: &[Kernel] = &[$(Kernel::$kernel,)*];

            /// What it is called in the source.
            pub fn name(self) -> &'static str {
                match self { $(Kernel::$kernel => $name,)* }
            }
        }
    };
}

kernels! {
    Product "product",
    Embed "embed",
    RmsNorm "rms_norm",
    Add "add",
    Take "take",
    Spread "spread",
    Gate "gate",
    Cap "cap",
    Turn "turn",
    Keep "keep",
    Attend "attend",
    Combine "combine",
}

/// The source of the kernels.
pub(super) const SOURCE: &str = include_str!("kernels.c");
/// Threads of a block.
pub(super) const THREADS: usize = 128;

/// What kernels run on. What is asked of it happens in the order in which it is asked.
pub(super) trait Device: Send + Sync {
    /// What it is called in traces: who computes on the same gets the same bits.
    fn name(&self) -> String;
    /// Takes memory, whose content is anything.
    fn allocate(&self, bytes: usize) -> Result<Memory>;
    /// Copies from here to an address of the device.
    fn write(&self, to: u64, bytes: &[u8]) -> Result<()>;
    /// Copies from an address of the device to here, once all that was asked before is done.
    fn read(&self, from: u64, bytes: &mut [u8]) -> Result<()>;
    /// Copies from one address of the device to another.
    fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<()>;
    /// Runs a kernel for each block of a grid, with its parameters as the kernel's structure has them.
    fn launch(&self, kernel: Kernel, grid: [usize; 3], parameters: &[u8]) -> Result<()>;
}

/// Memory of a device, which is given back when it is dropped.
pub(super) struct Memory {
    /// Where it begins.
    pub address: u64,
    /// How much there is.
    pub bytes: usize,
    _owner: Box<dyn Any + Send + Sync>,
}

impl Memory {
    /// Memory that belongs to `owner`.
    pub fn new(address: u64, bytes: usize, owner: impl Any + Send + Sync) -> Memory {
        Memory { address, bytes, _owner: Box::new(owner) }
    }

    /// New memory with these numbers.
    pub fn with<T: IntoBytes + Immutable>(device: &dyn Device, numbers: &[T]) -> Result<Memory> {
        let memory = device.allocate(size_of_val(numbers))?;
        device.write(memory.address, numbers.as_bytes())?;
        Ok(memory)
    }
}

/// Memory that is kept from step to step and grows as it is needed.
pub(super) struct Room {
    device: Arc<dyn Device>,
    memory: Option<Memory>,
}

impl Room {
    pub fn new(device: &Arc<dyn Device>) -> Room {
        Room { device: Arc::clone(device), memory: None }
    }

    /// The address of room for so many bytes. What was there before may be gone.
    pub fn bytes(&mut self, bytes: usize) -> Result<u64> {
        if let Some(memory) = self.memory.as_ref().filter(|memory| memory.bytes >= bytes) {
            return Ok(memory.address);
        }
        self.memory = None;
        let memory = self.device.allocate(bytes.next_power_of_two())?;
        Ok(self.memory.insert(memory).address)
    }

    /// The address of room for so many numbers of 32 bits.
    pub fn numbers(&mut self, count: usize) -> Result<u64> {
        self.bytes(count * size_of::<f32>())
    }

    /// The address of a copy of these numbers.
    pub fn with<T: IntoBytes + Immutable>(&mut self, numbers: &[T]) -> Result<u64> {
        let address = self.bytes(size_of_val(numbers))?;
        self.device.write(address, numbers.as_bytes())?;
        Ok(address)
    }
}

/// Reads numbers from the device.
pub(super) fn read<T: IntoBytes + FromBytes>(device: &dyn Device, from: u64, to: &mut [T]) -> Result<()> {
    device.read(from, to.as_mut_bytes())
}

/// Many small things that go to the device at once.
#[derive(Default)]
pub(super) struct Staging {
    bytes: Vec<u8>,
}

impl Staging {
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Adds numbers; returns where they are from the beginning.
    pub fn put<T: IntoBytes + Immutable>(&mut self, numbers: impl IntoIterator<Item = T>) -> u64 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let at = self.bytes.len() as u64;
        numbers.into_iter().for_each(|number| self.bytes.extend_from_slice(number.as_bytes()));
        at
    }

    /// Sends all of them; returns where they begin.
    pub fn send(&self, room: &mut Room) -> Result<u64> {
        room.with(&self.bytes)
    }
}
