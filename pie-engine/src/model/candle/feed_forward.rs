//! How the feed-forward network of a layer is computed on the CPU.

use super::layers::{Backend, Experts, FeedForward, Gated, Gates, Linear};
use super::load::Cpu;
use super::numeric::{Gate, softmax};
use super::scratch::Scratch;
use crate::model::Batch;

impl FeedForward<Cpu> {
    /// From `scratch.input` to `scratch.output`.
    pub fn apply(&self, batch: &Batch<'_>, scratch: &mut Scratch) {
        match self {
            FeedForward::Dense(gated) => {
                let Scratch { input, output, gate, up, .. } = scratch;
                gated.apply(batch, input, (gate, up), output)
            }
            FeedForward::Experts(experts) => experts.apply(batch, scratch),
        }
    }
}

impl Gated<Cpu> {
    fn apply(
        &self,
        batch: &Batch<'_>,
        input: &[f32],
        (gate, up): (&mut Vec<f32>, &mut Vec<f32>),
        output: &mut Vec<f32>,
    ) {
        match &self.gates {
            Gates::Separate { gate: to_gate, up: to_up } => {
                Linear::apply_all(batch, input, [(to_gate, &mut *gate), (to_up, &mut *up)]);
            }
            Gates::Fused(linear) => {
                linear.apply(batch, input, output);
                [&mut *gate, &mut *up].into_iter().for_each(Vec::clear);
                let half = linear.matrix.outputs() / 2;
                for row in output.chunks_exact(2 * half) {
                    gate.extend_from_slice(&row[..half]);
                    up.extend_from_slice(&row[half..]);
                }
            }
        }
        Gate { gate, up, activation: self.activation }.apply();
        self.down.apply(batch, gate, output);
    }
}

impl Experts<Cpu> {
    /// Experts in their order, each for all tokens that go through it, so that what is added to a token's row comes in one order whatever else is in
    /// the batch.
    fn apply(&self, batch: &Batch<'_>, scratch: &mut Scratch) {
        let Scratch { input, output, gate, up, expert: of_expert, .. } = scratch;
        self.router.apply(batch, input, &mut of_expert.shares);
        for shares in of_expert.shares.chunks_exact_mut(self.experts.len()) {
            self.choose(shares);
        }
        let size = self.router.matrix.inputs();
        output.clear();
        output.resize(input.len(), 0.0);
        // Adapters change no matrix of an expert, and the rows of one belong to sequences in no simple way.
        let nobody = Batch::default();
        for (number, expert) in self.experts.iter().enumerate() {
            let rows = of_expert.shares.chunks_exact(self.experts.len()).map(|shares| shares[number]);
            of_expert.tokens.clear();
            of_expert.tokens.extend(rows.enumerate().filter(|(_, share)| *share != 0.0));
            if of_expert.tokens.is_empty() {
                continue;
            }
            of_expert.input.clear();
            for (row, _) in &of_expert.tokens {
                of_expert.input.extend_from_slice(&input[row * size..(row + 1) * size]);
            }
            expert.apply(&nobody, &of_expert.input, (gate, up), &mut of_expert.output);
            for ((row, share), given) in of_expert.tokens.iter().zip(of_expert.output.chunks_exact(size)) {
                let sums = &mut output[row * size..(row + 1) * size];
                sums.iter_mut().zip(given).for_each(|(sum, number)| *sum = number.mul_add(*share, *sum));
            }
        }
    }
}

impl<B: Backend> Experts<B> {
    /// From what the router says of a token, which is replaced, to what each expert counts: 0 for all but a few.
    pub fn choose(&self, shares: &mut [f32]) {
        softmax(shares);
        let mut order: Vec<usize> = (0..shares.len()).collect();
        // Of equal ones the first.
        order.sort_by(|a, b| shares[*b].total_cmp(&shares[*a]).then(a.cmp(b)));
        let (chosen, others) = order.split_at(self.per_token.min(order.len()));
        others.iter().for_each(|other| shares[*other] = 0.0);
        if self.renormalized {
            let sum: f32 = chosen.iter().map(|expert| shares[*expert]).sum();
            chosen.iter().for_each(|expert| shares[*expert] /= sum);
        }
    }
}
