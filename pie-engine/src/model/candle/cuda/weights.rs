//! Weights on a device, in the forms that `kernels.c` reads.

use super::super::layers::{Backend, Size};
use super::super::load::{LoadError, blocks};
use super::super::matrix::{Blocks, Shape, shape};
use super::device::{Device, Memory, Result};
use super::parameters;
use crate::model::Bytes;
use crate::model::source::Tensor;
use candle_core::quantized::GgmlDType;
use std::sync::{Arc, Mutex, PoisonError};
use zerocopy::IntoBytes;

/// Numbers in a block of a quantized matrix.
const BLOCK: usize = 32;

/// How the numbers of a matrix are kept; the numbers are those of `kernels.c`.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Form {
    F32 = 0,
    F16 = 1,
    BF16 = 2,
    Nibbles = 3,
    Bytes = 4,
}

/// A matrix on a device.
pub(super) struct Matrix {
    /// What kernels are told of it.
    pub of: parameters::Matrix,
    /// Its size.
    pub size: Size,
    _memory: [Option<Memory>; 3],
}

impl Matrix {
    /// A matrix of numbers of 32 bits.
    pub fn of_numbers(device: &dyn Device, size: Size, numbers: &[f32]) -> Result<Matrix> {
        Matrix::dense(device, size, Form::F32, numbers.as_bytes())
    }

    fn dense(device: &dyn Device, size: Size, form: Form, bytes: &[u8]) -> Result<Matrix> {
        let memory = Memory::with(device, bytes)?;
        let of = parameters::Matrix { numbers: memory.address, zero: -1.0, ..described(size, form) };
        Ok(Matrix { of, size, _memory: [Some(memory), None, None] })
    }

    fn quantized(
        device: &dyn Device,
        size: Size,
        kind: GgmlDType,
        shape: Shape,
        bytes: &[u8],
    ) -> Result<Matrix> {
        let (mut quants, mut scales, mut factors) = (Vec::new(), Vec::<u16>::new(), Vec::<i8>::new());
        let nibbles = shape.low + shape.high <= 4;
        for bytes in bytes.chunks_exact(kind.type_size()) {
            let blocks = Blocks::read(kind, bytes);
            scales.extend([blocks.scale, blocks.minimum].map(u16::from_le_bytes));
            for block in blocks.quants.chunks_exact(BLOCK).take(shape.blocks) {
                if nibbles {
                    let (below, above) = block.split_at(BLOCK / 2);
                    quants.extend(below.iter().zip(above).map(|(below, above)| below | above << 4));
                } else {
                    quants.extend_from_slice(block);
                }
            }
            if shape.blocks > 1 {
                let parts = shape.blocks * shape.parts;
                factors
                    .extend(blocks.scales.iter().zip(blocks.minima).take(parts).flat_map(|(s, m)| [*s, m]));
            }
        }
        let form = if nibbles { Form::Nibbles } else { Form::Bytes };
        let numbers = Memory::with(device, &quants)?;
        let scales = Memory::with(device, &scales)?;
        let factors = if factors.is_empty() { None } else { Some(Memory::with(device, &factors)?) };
        let of = parameters::Matrix {
            numbers: numbers.address,
            scales: scales.address,
            factors: factors.as_ref().map_or(0, |factors| factors.address),
            blocks: shape.blocks as u32,
            parts: shape.parts as u32,
            zero: shape.zero.map_or(-1.0, f32::from),
            ..described(size, form)
        };
        Ok(Matrix { of, size, _memory: [Some(numbers), Some(scales), factors] })
    }
}

fn described(size: Size, form: Form) -> parameters::Matrix {
    let (inputs, outputs) = (size.inputs as u32, size.outputs as u32);
    parameters::Matrix { form: form as u32, inputs, outputs, blocks: 1, parts: 1, ..Default::default() }
}

/// Numbers of 32 bits on a device.
pub(super) struct Numbers {
    /// Where they are.
    pub memory: Memory,
    /// How many.
    pub count: usize,
}

/// A device that takes weights.
pub(super) struct Gpu {
    /// The device.
    pub device: Arc<dyn Device>,
    /// The last table and the bytes it was made of: most models multiply with it too, at their end.
    table: Mutex<Option<(Bytes, Arc<Matrix>)>>,
}

impl Gpu {
    pub fn new(device: Arc<dyn Device>) -> Gpu {
        Gpu { device, table: Mutex::default() }
    }

    fn upload(&self, name: &str, size: Size, tensor: &Tensor) -> std::result::Result<Arc<Matrix>, LoadError> {
        let device = &*self.device;
        let form = match tensor.kind {
            GgmlDType::F32 => Some(Form::F32),
            GgmlDType::F16 => Some(Form::F16),
            GgmlDType::BF16 => Some(Form::BF16),
            _ => None,
        };
        let matrix = match form {
            Some(form) => Matrix::dense(device, size, form, &tensor.bytes)?,
            None => {
                let whole = size.inputs.is_multiple_of(tensor.kind.block_size());
                let shape = shape(tensor.kind).filter(|_| whole).ok_or_else(|| blocks(name, tensor))?;
                Matrix::quantized(device, size, tensor.kind, shape, &tensor.bytes)?
            }
        };
        Ok(Arc::new(matrix))
    }
}

impl Backend for Gpu {
    type Matrix = Arc<Matrix>;
    type Table = Arc<Matrix>;
    type Numbers = Numbers;

    fn matrix(&self, name: &str, size: Size, tensor: &Tensor) -> std::result::Result<Arc<Matrix>, LoadError> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let same =
            |bytes: &Bytes| bytes.as_ptr() == tensor.bytes.as_ptr() && bytes.len() == tensor.bytes.len();
        match &*table {
            Some((bytes, matrix)) if same(bytes) => Ok(Arc::clone(matrix)),
            _ => self.upload(name, size, tensor),
        }
    }

    fn table(&self, name: &str, size: Size, tensor: &Tensor) -> std::result::Result<Arc<Matrix>, LoadError> {
        let matrix = self.upload(name, size, tensor)?;
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        *table = Some((tensor.bytes.clone(), Arc::clone(&matrix)));
        Ok(matrix)
    }

    fn numbers(&self, numbers: Vec<f32>) -> std::result::Result<Numbers, LoadError> {
        let memory = Memory::with(&*self.device, &numbers)?;
        Ok(Numbers { memory, count: numbers.len() })
    }
}
