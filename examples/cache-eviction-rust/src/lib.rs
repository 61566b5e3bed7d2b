//! A long answer in a fixed number of pages. When the context is full its oldest pages go, but for the first ones, which hold the
//! question; what stays is read again where it moves to.
//!
//! Masks, as in `attention-sink-rust`, bound what a token costs, and the pages stay. This bounds the pages.

use inferlet::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    prompt: String,
    pages: u32,
    recent: u32,
    max_tokens: usize,
}

#[derive(Serialize)]
struct Written {
    text: String,
    evictions: usize,
    /// The most pages that the context held.
    most_pages: u32,
}

#[inferlet::main]
async fn main(input: Input) -> Result<Written> {
    let model = Model::load("default")?;
    let mut head = Context::new(&model)?;
    head.user(&input.prompt).cue();
    let question = head.take_buffer();
    // The last token is left to the first pass, which needs one to predict from.
    let (&last, read) = question.split_last().ok_or("there is no question")?;
    head.append(read).flush().await?;

    let mut cache = Cache { ctx: head.fork()?, head, recent: input.recent, tail: vec![last] };
    let (mut tokens, mut evictions, mut most_pages) = (Vec::new(), 0, 0);
    while tokens.len() < input.max_tokens {
        let token = cache.next_token().await?;
        if chat::stop_tokens(&model).contains(&token) {
            break;
        }
        tokens.push(token);
        most_pages = most_pages.max(cache.pages());
        if cache.pages() >= input.pages {
            cache.evict().await?;
            evictions += 1;
        }
    }
    Ok(Written { text: model.tokenizer().decode(&tokens)?, evictions, most_pages })
}

/// A context that can be made shorter from the middle.
struct Cache {
    /// What is never evicted.
    head: Context,
    ctx: Context,
    /// How many pages of tokens an eviction keeps besides.
    recent: u32,
    /// The tokens behind the head. The last one has not been read.
    tail: Vec<u32>,
}

impl Cache {
    fn pages(&self) -> u32 {
        self.ctx.inner().committed_page_count() + self.ctx.inner().working_page_count()
    }

    async fn next_token(&mut self) -> Result<u32> {
        let last = *self.tail.last().ok_or("nothing to go on from")?;
        let mut pass = self.ctx.forward();
        pass.input(&[last]);
        let chosen = pass.sample(&[0], Sampler::Argmax);
        let token = pass.execute().await?.token(chosen).ok_or("the pass returned no token")?;
        self.tail.push(token);
        Ok(token)
    }

    // ANCHOR: evict
    /// Keeps the head and the last pages. The head's pages are shared and cost nothing; the others are given back when the old
    /// context is dropped, and what they held of the last tokens is read again in their new places.
    async fn evict(&mut self) -> Result<()> {
        let kept = (self.recent * self.ctx.page_size()) as usize;
        self.tail.drain(..self.tail.len().saturating_sub(kept));
        let mut shorter = self.head.fork()?;
        let (_, read) = self.tail.split_last().ok_or("nothing to go on from")?;
        shorter.append(read).flush().await?;
        self.ctx = shorter;
        Ok(())
    }
    // ANCHOR_END: evict
}
