//! A device that is this processor: the kernels, compiled by the C compiler, one block after the other.

#![expect(
    unsafe_code,
    reason = "kernels are functions of a library, and the memory they work on is given by address, as on a device"
)]

use super::super::device::{Device, DeviceError, Kernel, Memory, Result, SOURCE};
use libloading::{Library, Symbol};
use std::ffi::c_void;
use std::process::Command;

type Function = unsafe extern "C" fn(u32, u32, u32, *const c_void);

/// The processor as a device.
pub(super) struct Emulated {
    library: Library,
}

impl Emulated {
    /// Compiles the kernels.
    pub fn compile() -> Emulated {
        let folder = tempfile::tempdir().unwrap();
        let (source, library) = (folder.path().join("kernels.c"), folder.path().join("kernels.so"));
        std::fs::write(&source, SOURCE).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args([
            "-O2",
            "-march=native",
            "-ffp-contract=off",
            "-Wall",
            "-Werror",
            "-shared",
            "-fPIC",
            "-o",
        ]);
        let compiled = compiler.arg(&library).arg(&source).arg("-lm").output().unwrap();
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        // SAFETY: loading it runs no code of its own.
        Emulated { library: unsafe { Library::new(&library) }.unwrap() }
    }
}

impl Device for Emulated {
    fn name(&self) -> String {
        "emulated".to_owned()
    }

    fn allocate(&self, bytes: usize) -> Result<Memory> {
        // Numbers that are none, so that a kernel shows what it reads and nobody has written.
        let mut words = vec![u64::MAX; bytes.div_ceil(8) + 1].into_boxed_slice();
        Ok(Memory::new(words.as_mut_ptr() as u64, bytes, words))
    }

    fn write(&self, to: u64, bytes: &[u8]) -> Result<()> {
        // SAFETY: the address is that of memory which was allocated above and is as large as the caller says.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to as *mut u8, bytes.len()) };
        Ok(())
    }

    fn read(&self, from: u64, bytes: &mut [u8]) -> Result<()> {
        // SAFETY: as in `write`.
        unsafe { std::ptr::copy_nonoverlapping(from as *const u8, bytes.as_mut_ptr(), bytes.len()) };
        Ok(())
    }

    fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<()> {
        // SAFETY: as in `write`; memory of two pages does not overlap.
        unsafe { std::ptr::copy_nonoverlapping(from as *const u8, to as *mut u8, bytes) };
        Ok(())
    }

    fn launch(&self, kernel: Kernel, grid: [usize; 3], parameters: &[u8]) -> Result<()> {
        // SAFETY: all kernels have this signature.
        let function: Symbol<'_, Function> =
            unsafe { self.library.get(kernel.name()) }.map_err(|error| DeviceError(error.to_string()))?;
        for z in 0..grid[2] as u32 {
            for y in 0..grid[1] as u32 {
                for x in 0..grid[0] as u32 {
                    // SAFETY: the parameters are those of this kernel, and their addresses are alive.
                    unsafe { function(x, y, z, parameters.as_ptr().cast()) };
                }
            }
        }
        Ok(())
    }
}
