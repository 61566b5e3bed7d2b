//! What a person wants to know about a model, in words and numbers.

use super::config::RopeScaling;
use super::{Config, Source};
use candle_core::quantized::GgmlDType;
use std::collections::BTreeMap;

/// Tensors of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// The type, as GGUF calls it.
    pub kind: &'static str,
    /// How many tensors there are of it.
    pub tensors: usize,
    /// The bytes of these.
    pub bytes: u64,
}

impl Source {
    /// How many weights there are.
    pub fn parameters(&self) -> u64 {
        self.weights
            .iter()
            .map(|(_, tensor)| tensor.shape.iter().map(|length| *length as u64).product::<u64>())
            .sum()
    }

    /// Tensors by the type of their numbers, the most bytes first.
    pub fn numbers(&self) -> Vec<Numbers> {
        let mut kinds: BTreeMap<&'static str, (usize, u64)> = BTreeMap::new();
        for (_, tensor) in self.weights.iter() {
            let (tensors, bytes) = kinds.entry(kind_name(tensor.kind)).or_default();
            *tensors += 1;
            *bytes += tensor.bytes.len() as u64;
        }
        let numbers = kinds.into_iter().map(|(kind, (tensors, bytes))| Numbers { kind, tensors, bytes });
        let mut numbers: Vec<Numbers> = numbers.collect();
        numbers.sort_by_key(|numbers| std::cmp::Reverse(numbers.bytes));
        numbers
    }
}

impl Config {
    /// How rotary frequencies are changed, in a word of `config.json`.
    pub fn rope_name(&self) -> &'static str {
        match self.rope.scaling {
            RopeScaling::None => "default",
            RopeScaling::Linear { .. } => "linear",
            RopeScaling::Dynamic { .. } => "dynamic",
            RopeScaling::Yarn { .. } => "yarn",
            RopeScaling::Llama3 { .. } | RopeScaling::Divided { .. } => "llama3",
            RopeScaling::LongRope { .. } => "longrope",
        }
    }
}

/// All types that are read, by their names in GGUF.
pub(super) const KINDS: [(&str, GgmlDType); 13] = [
    ("F32", GgmlDType::F32),
    ("F16", GgmlDType::F16),
    ("BF16", GgmlDType::BF16),
    ("Q8_0", GgmlDType::Q8_0),
    ("Q4_0", GgmlDType::Q4_0),
    ("Q4_1", GgmlDType::Q4_1),
    ("Q5_0", GgmlDType::Q5_0),
    ("Q5_1", GgmlDType::Q5_1),
    ("Q2_K", GgmlDType::Q2K),
    ("Q3_K", GgmlDType::Q3K),
    ("Q4_K", GgmlDType::Q4K),
    ("Q5_K", GgmlDType::Q5K),
    ("Q6_K", GgmlDType::Q6K),
];

/// The name of a type.
pub fn kind_name(kind: GgmlDType) -> &'static str {
    KINDS.iter().find(|(_, known)| *known == kind).map_or("other", |(name, _)| name)
}
