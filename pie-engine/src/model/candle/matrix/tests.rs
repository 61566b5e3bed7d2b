use super::super::simd::PORTABLE;
use super::super::tests::random::Random;
use super::*;
use GgmlDType::{Q2K, Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{CpuStorage, Device, Tensor};

const KINDS: [GgmlDType; 10] = [Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2K, Q3K, Q4K, Q5K, Q6K];
/// No whole group, and more than one.
const OUTPUTS: usize = 21;
const INPUTS: usize = 512;

fn quantized(kind: GgmlDType) -> Vec<u8> {
    let numbers = Random(3).numbers(OUTPUTS * INPUTS);
    let tensor = Tensor::from_vec(numbers, (OUTPUTS, INPUTS), &Device::Cpu).unwrap();
    QTensor::quantize(&tensor, kind).unwrap().data().unwrap().into_owned()
}

/// The weights as numbers, by candle.
fn numbers(kind: GgmlDType, bytes: &[u8]) -> Vec<f32> {
    let blocks = kind.from_data(bytes.to_vec().into()).dequantize(OUTPUTS * INPUTS).unwrap();
    let CpuStorage::F32(numbers) = blocks else { panic!("numbers of 32 bits") };
    numbers
}

#[test]
fn products_are_those_of_the_numbers_that_blocks_stand_for() {
    for kind in KINDS {
        let bytes = quantized(kind);
        let weights = numbers(kind, &bytes);
        let matrix = Matrix::quantized(OUTPUTS, INPUTS, kind, &bytes, &Arena::default()).unwrap();
        let input = Random(5).numbers(13 * INPUTS);
        let mut output = Vec::new();
        matrix.product(&input, &mut output);
        assert_eq!(output.len(), 13 * OUTPUTS);
        for (at, number) in output.iter().enumerate() {
            let (row, column) = (at / OUTPUTS, at % OUTPUTS);
            let pairs = input[row * INPUTS..][..INPUTS].iter().zip(&weights[column * INPUTS..][..INPUTS]);
            let products: Vec<f64> = pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).collect();
            let (expected, size) =
                (products.iter().sum::<f64>(), products.iter().map(|p| p.abs()).sum::<f64>());
            // Inputs are rounded to 127 steps, at random up or down.
            let off = (f64::from(*number) - expected).abs();
            assert!(off < 2e-3 * size, "{kind:?}, row {row}, column {column}: {number} for {expected}");
        }
    }
}

#[test]
fn a_row_has_the_same_bits_whatever_is_beside_it() {
    for kind in KINDS {
        let matrix = Matrix::quantized(OUTPUTS, INPUTS, kind, &quantized(kind), &Arena::default()).unwrap();
        let input = Random(5).numbers(13 * INPUTS);
        let mut together = Vec::new();
        matrix.product(&input, &mut together);
        let mut alone = Vec::new();
        for (row, expected) in input.chunks_exact(INPUTS).zip(together.chunks_exact(OUTPUTS)) {
            matrix.product(row, &mut alone);
            assert_eq!(alone, expected, "{kind:?}");
        }
    }
}

#[test]
fn vector_instructions_change_no_bit() {
    for kind in KINDS {
        let matrix = Matrix::quantized(OUTPUTS, INPUTS, kind, &quantized(kind), &Arena::default()).unwrap();
        let input = Random(5).numbers(INPUTS);
        let (mut best, mut portable) = (Vec::new(), Vec::new());
        matrix.product(&input, &mut best);
        PORTABLE.set(true);
        matrix.product(&input, &mut portable);
        PORTABLE.set(false);
        assert_eq!(best, portable, "{kind:?}");
    }
}

#[test]
fn a_table_has_the_rows_that_blocks_stand_for() {
    for kind in KINDS {
        let bytes = quantized(kind);
        let weights = numbers(kind, &bytes);
        let table = Table::quantized(OUTPUTS, INPUTS, kind, Bytes::new(bytes)).unwrap();
        let mut rows = Vec::new();
        table.read(&[20, 0, 20], &mut rows);
        for (row, id) in rows.chunks_exact(INPUTS).zip([20, 0, 20]) {
            for (ours, theirs) in row.iter().zip(&weights[id * INPUTS..]) {
                assert!((ours - theirs).abs() <= 1e-6, "{kind:?}: {ours} for {theirs}");
            }
        }
    }
}

#[test]
fn what_is_no_number_is_not_hidden_by_rounding() {
    for bad in [f32::NAN, f32::INFINITY] {
        let matrix = Matrix::quantized(OUTPUTS, INPUTS, Q4K, &quantized(Q4K), &Arena::default()).unwrap();
        let mut input = Random(5).numbers(2 * INPUTS);
        input[INPUTS + 40] = bad;
        let mut output = Vec::new();
        matrix.product(&input, &mut output);
        let (good, bad) = output.split_at(OUTPUTS);
        assert!(good.iter().all(|number| number.is_finite()) && bad.iter().all(|number| number.is_nan()));
    }
}

#[test]
fn rows_that_are_no_whole_blocks_are_refused() {
    assert!(Matrix::quantized(2, 48, Q8_0, &[0; 2 * 51], &Arena::default()).is_none());
    assert!(Table::quantized(2, 48, Q8_0, Bytes::new(vec![0; 2 * 51])).is_none());
    assert!(Matrix::quantized(2, 32, GgmlDType::F32, &[0; 256], &Arena::default()).is_none());
}
