//! NVIDIA's driver as a device. The driver and the compiler of kernels are libraries that are looked for when a model is loaded.

#![expect(unsafe_code, reason = "the driver takes addresses, and trusts whoever calls it")]

use super::device::{Device, DeviceError, Kernel, Memory, Result, SOURCE, THREADS};
use cudarc::driver::result::{self, stream};
use cudarc::driver::{CudaContext, DriverError, sys};
use cudarc::nvrtc::{self, CompileError, CompileOptions};
use std::ffi::{CString, c_void};
use std::sync::Arc;

/// A GPU.
pub(super) struct Driver {
    context: Arc<CudaContext>,
    /// The kernels, in the order of their numbers.
    functions: Vec<Function>,
    name: String,
}

/// A kernel of a module that stays loaded.
#[derive(Clone, Copy)]
struct Function(sys::CUfunction);

// SAFETY: it is a handle that the driver looks up; any thread may use it in which the context is current.
unsafe impl Send for Function {}
// SAFETY: as above; launching does not change it.
unsafe impl Sync for Function {}

/// Memory of the GPU, given back when it is dropped.
struct Owned {
    context: Arc<CudaContext>,
    address: sys::CUdeviceptr,
}

impl Drop for Owned {
    fn drop(&mut self) {
        if self.context.bind_to_thread().is_ok() {
            // SAFETY: it came from `malloc_sync` and nobody else frees it. The driver waits for kernels that use it. What it says is told by the next call.
            let _ = unsafe { result::free_sync(self.address) };
        }
    }
}

fn failed(what: &str) -> impl FnOnce(DriverError) -> DeviceError {
    move |error| {
        let reason = error
            .error_string()
            .map_or_else(|_| format!("error {:?}", error.0), |text| text.to_string_lossy().into_owned());
        DeviceError(format!("the GPU cannot {what}: {reason}"))
    }
}

impl Driver {
    /// Opens a GPU by its number, and compiles the kernels for it.
    pub fn open(number: usize) -> Result<Driver> {
        // SAFETY: this only loads the library to see whether that works.
        if !unsafe { sys::is_culib_present() } {
            let message = "there is no driver for NVIDIA's GPUs here: `libcuda` cannot be loaded";
            return Err(DeviceError(message.to_owned()));
        }
        let count = CudaContext::device_count().map_err(failed("be looked for"))?;
        if i32::try_from(number).map_or(true, |number| number >= count) {
            return Err(DeviceError(format!(
                "there is no GPU {number}: this machine has {count}, from 0 on"
            )));
        }
        let context = CudaContext::new(number).map_err(failed("be opened"))?;
        let capability = context.compute_capability().map_err(failed("say what it is"))?;
        let image = compile(capability)?;
        // SAFETY: the image is a text that ends with a zero, and the driver copies it.
        let module = unsafe { result::module::load_data(image.as_ptr().cast()) }
            .map_err(failed("load the kernels"))?;
        let function = |kernel: &Kernel| {
            let name = CString::new(kernel.name()).expect("no name of a kernel has a zero");
            // SAFETY: the module was loaded and stays so.
            unsafe { result::module::get_function(module, name) }
                .map(Function)
                .map_err(failed("find a kernel"))
        };
        let functions = Kernel::ALL.iter().map(function).collect::<Result<_>>()?;
        Ok(Driver { context, functions, name: format!("cuda {}.{}", capability.0, capability.1) })
    }

    /// Makes the GPU the one that this thread means.
    fn here(&self) -> Result<()> {
        self.context.bind_to_thread().map_err(failed("be reached"))
    }
}

/// Compiles the kernels for GPUs of a compute capability, to a text that the driver reads.
pub(super) fn compile((major, minor): (i32, i32)) -> Result<CString> {
    // SAFETY: this only loads the library to see whether that works.
    if !unsafe { nvrtc::sys::is_culib_present() } {
        let message = "NVIDIA's runtime compiler is not here: `libnvrtc` cannot be loaded. It comes with the CUDA toolkit, and in \
                       the Python package `nvidia-cuda-nvrtc-cu12`; its folder has to be in `LD_LIBRARY_PATH`";
        return Err(DeviceError(message.to_owned()));
    }
    let options = CompileOptions {
        // So that sums are those of the source.
        fmad: Some(false),
        options: vec![format!("--gpu-architecture=compute_{major}{minor}")],
        name: Some("kernels.c".to_owned()),
        ..CompileOptions::default()
    };
    let compiled = nvrtc::compile_ptx_with_opts(SOURCE, options).map_err(not_compiled)?;
    CString::new(compiled.to_src()).map_err(|_| DeviceError("the compiler gave no text".to_owned()))
}

fn not_compiled(error: CompileError) -> DeviceError {
    let reason = match error {
        CompileError::CompileError { log, .. } => log.to_string_lossy().into_owned(),
        other => format!("{other:?}"),
    };
    DeviceError(format!("the kernels cannot be compiled for this GPU: {reason}"))
}

impl Device for Driver {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn allocate(&self, bytes: usize) -> Result<Memory> {
        self.here()?;
        let what = format!("give {bytes} bytes of its memory");
        // SAFETY: what is in it is read by kernels only after they have written it.
        let address = unsafe { result::malloc_sync(bytes.max(1)) }.map_err(failed(&what))?;
        Ok(Memory::new(address, bytes, Owned { context: Arc::clone(&self.context), address }))
    }

    fn write(&self, to: u64, bytes: &[u8]) -> Result<()> {
        self.here()?;
        // SAFETY: the caller has so much memory there. The stream of all calls is the same, so kernels that read it before are done.
        unsafe { result::memcpy_htod_sync(to, bytes) }.map_err(failed("be written to"))
    }

    fn read(&self, from: u64, bytes: &mut [u8]) -> Result<()> {
        self.here()?;
        // SAFETY: as in `write`.
        unsafe { result::memcpy_dtoh_sync(bytes, from) }.map_err(failed("be read from"))
    }

    fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<()> {
        self.here()?;
        // SAFETY: as in `write`.
        unsafe { result::memcpy_dtod_async(to, from, bytes, stream::null()) }.map_err(failed("copy"))
    }

    fn launch(&self, kernel: Kernel, grid: [usize; 3], parameters: &[u8]) -> Result<()> {
        self.here()?;
        let function = self.functions[kernel as usize];
        let grid = grid.map(|blocks| blocks as u32);
        // Where numbers of 64 bits may be read.
        let words: Vec<u64> = parameters
            .chunks(size_of::<u64>())
            .map(|bytes| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)))
            .collect();
        let mut pointers = [words.as_ptr().cast_mut().cast::<c_void>()];
        // SAFETY: the kernel takes one structure, whose bytes these are and which the driver copies; what it has addresses of is alive until the next call that waits.
        let launched = unsafe {
            result::launch_kernel(
                function.0,
                (grid[0], grid[1], grid[2]),
                (THREADS as u32, 1, 1),
                0,
                stream::null(),
                &mut pointers,
            )
        };
        launched.map_err(failed(&format!("run the kernel `{}`", kernel.name())))
    }
}
