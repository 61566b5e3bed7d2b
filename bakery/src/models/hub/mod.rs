//! Models from a server that speaks as the Hugging Face Hub does: `hf:owner/repo`, with `@revision` and `:file` behind it or not.
//!
//! Files are kept where Hugging Face's own tools keep them and find them, so nothing is fetched twice. A file appears under its name once
//! it is whole and its checksum is right; what was fetched of it stays for the next time.
//!
//! Reading order: [`spec`], what is asked for; [`files`], what a model consists of; [`client`] and [`download`]; [`cache`], where all of it is.

mod cache;
mod client;
mod download;
mod files;
mod spec;

pub use cache::{Cache, Kept};
pub use spec::HubSpec;

use std::path::PathBuf;

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::toolchain::lock::Lock;
use client::Client;

/// The variable that names another server.
pub const ENDPOINT_VARIABLE: &str = "HF_ENDPOINT";
/// The variable with the user's token.
pub const TOKEN_VARIABLE: &str = "HF_TOKEN";
/// The variable that keeps tools from fetching anything.
pub const OFFLINE_VARIABLE: &str = "HF_HUB_OFFLINE";
/// The server, unless another is named.
const ENDPOINT: &str = concat!("https", "://", "hugging", "face", ".", "co");

/// Whether the network may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Yes, even if all is here: for what is newer.
    Fresh,
    /// Only for what is not here.
    IfNeeded,
    /// No.
    Never,
}

impl Network {
    /// For what is not here, or not at all.
    pub fn unless(offline: bool) -> Network {
        if offline { Network::Never } else { Network::IfNeeded }
    }
}

/// The server and where its files are kept.
pub struct Hub<'a> {
    env: &'a Environment,
    cache: Cache,
}

impl<'a> Hub<'a> {
    /// What the environment says.
    ///
    /// # Errors
    /// There is no place for files.
    pub fn of(env: &'a Environment) -> Result<Hub<'a>> {
        Ok(Hub { env, cache: Cache::of(env)? })
    }

    /// Where a model is, a folder or a file; fetched if need be.
    ///
    /// # Errors
    /// It is not here and cannot be fetched, or the user stops.
    pub fn find(&self, spec: &HubSpec, network: Network, progress: &dyn Progress) -> Result<PathBuf> {
        let offline = self.env.variable(OFFLINE_VARIABLE).is_some_and(|value| value != "0");
        let network = if offline { Network::Never } else { network };
        if network != Network::Fresh
            && let Some(path) = self.cache.find(spec)
        {
            return Ok(path);
        }
        if network == Network::Never {
            return Err(Error::environment(format!("`{spec}` is not here, and nothing may be fetched"))
                .hint(format!("bakery model pull {spec}")));
        }
        self.pull(spec, &self.env.interrupt, progress)
    }

    fn pull(&self, spec: &HubSpec, interrupt: &Interrupt, progress: &dyn Progress) -> Result<PathBuf> {
        let client = Client::new(self.env, ENDPOINT)?;
        let listing = client.listing(spec)?;
        let repository = self.cache.repository(spec);
        let _lock = Lock::take(repository.lock_folder(), "that fetches the same model", interrupt, progress)?;
        let mut wanted = files::first(&listing, spec)?;
        let mut done = 0;
        // The second round fetches what the index names that came in the first.
        while done < wanted.len() {
            for file in &wanted[done..] {
                let blob = repository.blob(file);
                if !blob.is_file() {
                    download::file(&client, spec, &listing.commit, file, &blob, progress)?;
                }
                repository.point(&listing.commit, file)?;
            }
            done = wanted.len();
            let more = files::more(&listing, &repository.snapshot(&listing.commit), spec, &wanted)?;
            wanted.extend(more);
        }
        repository.finish(spec, &listing.commit)?;
        self.cache.find(spec).ok_or_else(|| {
            Error::environment(format!("`{spec}` was fetched, and has no model that can be opened"))
        })
    }

    /// What is here.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn kept(&self) -> Result<Vec<Kept>> {
        self.cache.list()
    }

    /// Removes a repository. How many bytes that frees; none if it is not here.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn remove(&self, spec: &HubSpec) -> Result<Option<u64>> {
        self.cache.remove(spec)
    }
}
