//! Monte Carlo tree search: of the texts that the model might say, one is looked for that a function likes best.
//!
//! Each node of the tree is a beginning, in a context of its own. A round goes down to where the tree ends, adds the likeliest next tokens, lets the
//! model finish one text, and tells all beginnings on the way how good it was.

use inferlet::prelude::*;
use inferlet::sample::Distribution;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How much a beginning that was hardly tried counts against one that was good so far.
const CURIOSITY: f64 = 0.5;

#[derive(Deserialize)]
struct Input {
    prompt: String,
    rounds: usize,
    children: u32,
    max_tokens: usize,
}

#[derive(Serialize)]
struct Found {
    text: String,
    score: f64,
}

/// A beginning.
struct Node {
    ctx: Context,
    /// What the context has not read yet: nothing once the node was expanded.
    unseen: Vec<u32>,
    tokens: Vec<u32>,
    /// Numbers of nodes with one token more.
    children: Vec<usize>,
    visits: f64,
    /// Sum of the scores of all texts that began so.
    total: f64,
}

#[inferlet::main]
async fn main(input: Input) -> Result<Found> {
    let model = Model::load("default")?;
    let mut ctx = Context::new(&model)?;
    ctx.user(&input.prompt).cue();
    let unseen = ctx.take_buffer();
    let mut tree = vec![Node::new(ctx, unseen, Vec::new())];
    let mut best = Found { text: String::new(), score: 0.0 };

    // ANCHOR: rounds
    for _ in 0..input.rounds {
        let mut path = select(&tree);
        let leaf = path[path.len() - 1];
        if tree[leaf].tokens.len() < input.max_tokens {
            expand(&mut tree, leaf, input.children).await?;
        }
        path.extend(tree[leaf].children.first());
        let text = tree[path[path.len() - 1]].finish(input.max_tokens).await?;
        let score = score(&text);
        for number in path {
            tree[number].visits += 1.0;
            tree[number].total += score;
        }
        if score > best.score {
            best = Found { text, score };
        }
    }
    // ANCHOR_END: rounds
    Ok(best)
}

/// What is looked for: many different letters.
fn score(text: &str) -> f64 {
    let letters: BTreeSet<char> = text.to_lowercase().chars().filter(char::is_ascii_lowercase).collect();
    letters.len() as f64 / 26.0
}

// ANCHOR: select
/// The way down from the root to a node without children, always to the most promising one.
fn select(tree: &[Node]) -> Vec<usize> {
    let mut path = vec![0];
    loop {
        let node = &tree[path[path.len() - 1]];
        let promise = |child: &usize| tree[*child].promise(node.visits);
        // The first of equals, which is the likeliest token.
        let next = node.children.iter().rev().max_by(|a, b| promise(a).total_cmp(&promise(b)));
        match next {
            Some(&child) => path.push(child),
            None => return path,
        }
    }
}
// ANCHOR_END: select

/// Gives a node its children: the likeliest next tokens.
async fn expand(tree: &mut Vec<Node>, number: usize, count: u32) -> Result<()> {
    let node = &mut tree[number];
    let unseen = std::mem::take(&mut node.unseen);
    // Without anything unseen it was expanded before, and the model only wants to end there.
    let Some(last) = unseen.len().checked_sub(1) else { return Ok(()) };
    let mut pass = node.ctx.forward();
    pass.input(&unseen);
    let probe = pass.probe(last as u32, Distribution { temperature: 1.0, k: count });
    let output = pass.execute().await?;
    let (next, _) = output.distribution(probe).ok_or("the pass has no distribution")?;
    let stop = chat::stop_tokens(node.ctx.model());
    for &token in next.iter().filter(|token| !stop.contains(token)) {
        let tokens = [tree[number].tokens.as_slice(), &[token]].concat();
        let child = Node::new(tree[number].ctx.fork()?, vec![token], tokens);
        tree.push(child);
        let child = tree.len() - 1;
        tree[number].children.push(child);
    }
    Ok(())
}

impl Node {
    fn new(ctx: Context, unseen: Vec<u32>, tokens: Vec<u32>) -> Node {
        Node { ctx, unseen, tokens, children: Vec::new(), visits: 0.0, total: 0.0 }
    }

    /// How much there is to be gained here: what was gained so far, and how little that says.
    fn promise(&self, parent_visits: f64) -> f64 {
        if self.visits == 0.0 {
            return f64::INFINITY;
        }
        self.total / self.visits + CURIOSITY * (parent_visits.ln() / self.visits).sqrt()
    }

    /// A text that begins so, as the model goes on.
    async fn finish(&self, max_tokens: usize) -> Result<String> {
        let mut tokens = self.tokens.clone();
        if !self.unseen.is_empty() && tokens.len() < max_tokens {
            let mut ctx = self.ctx.fork()?;
            ctx.append(&self.unseen);
            let rest = ctx.generate(Sampler::top_p(0.8, 0.95)).max_tokens(max_tokens - tokens.len());
            tokens.extend(rest.collect_tokens().await?);
        }
        self.ctx.model().tokenizer().decode(&tokens)
    }
}
