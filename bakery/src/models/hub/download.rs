//! One file: fetched into a part beside its place, gone on with after every failure, and given its place once its checksum is right.

use std::fs::{self, File as Opened};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use reqwest::StatusCode;
use sha2::{Digest, Sha256};

use super::cache::INCOMPLETE;
use super::client::{Client, Failure, failure};
use super::files::File;
use super::spec::HubSpec;
use crate::error::{Error, Result};
use crate::progress::{Progress, Task, Unit};

/// How often nothing may come in a row.
const ATTEMPTS: u32 = 5;
/// The pause before the second attempt; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);

/// Fetches a file to `blob`.
pub(super) fn file(
    client: &Client,
    spec: &HubSpec,
    commit: &str,
    file: &File,
    blob: &Path,
    progress: &dyn Progress,
) -> Result<()> {
    let part = blob.with_added_extension(INCOMPLETE);
    let unwritable = |error: std::io::Error| {
        Error::environment(format!("cannot write `{}`", part.display())).caused_by(error)
    };
    if let Some(folder) = part.parent() {
        fs::create_dir_all(folder).map_err(unwritable)?;
    }
    let task = progress.start(&format!("fetching {}", file.name), Some(file.bytes), Unit::Bytes);
    let url = client.url(spec, commit, &file.name);
    let failed = |reason: String| {
        Error::environment(format!("`{}` of `{spec}` cannot be fetched", file.name))
            .caused_by(reason)
            .hint(format!("bakery model pull {spec}"))
    };
    let mut attempts = 0;
    loop {
        let before = fs::metadata(&part).map_or(0, |metadata| metadata.len());
        let before = if before > file.bytes { 0 } else { before };
        if before < file.bytes || !part.exists() {
            let mut out = open(&part, before).map_err(unwritable)?;
            let outcome = client.block(transfer(client, &url, before, file, &mut out, &*task))?;
            out.sync_all().map_err(unwritable)?;
            let got = fs::metadata(&part).map_or(0, |metadata| metadata.len());
            if let Err(failure) = outcome {
                attempts = if got > before { 1 } else { attempts + 1 };
                if !failure.again || attempts >= ATTEMPTS {
                    return Err(failed(failure.message));
                }
                client.block(async { tokio::time::sleep(PAUSE * 2_u32.pow(attempts - 1)).await })?;
                continue;
            }
        }
        if let Err(reason) = check(&part, file).map_err(unwritable)? {
            // Nothing of it is worth going on with.
            fs::remove_file(&part).map_err(unwritable)?;
            return Err(failed(reason));
        }
        return fs::rename(&part, blob).map_err(unwritable);
    }
}

/// The part, to be written on from its end.
fn open(part: &Path, from: u64) -> std::io::Result<Opened> {
    let file = Opened::options().create(true).append(true).open(part)?;
    file.set_len(from)?;
    Ok(file)
}

/// Fetches what is missing. An answer that is longer than the file has to be is cut.
async fn transfer(
    client: &Client,
    url: &str,
    from: u64,
    file: &File,
    out: &mut Opened,
    task: &dyn Task,
) -> Result<(), Failure> {
    let written =
        |error: std::io::Error| Failure { message: format!("it cannot be written: {error}"), again: false };
    let mut response = client.get(url, (from > 0).then_some(from)).await?;
    let mut done = from;
    if from > 0 && response.status() != StatusCode::PARTIAL_CONTENT {
        // The server gives whole files only.
        out.set_len(0).map_err(written)?;
        done = 0;
    }
    task.reached(done);
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        done += chunk.len() as u64;
        if done > file.bytes {
            let message = format!("the server sends more than the {} bytes that it announced", file.bytes);
            return Err(Failure { message, again: false });
        }
        out.write_all(&chunk).map_err(written)?;
        task.reached(done);
    }
    match done == file.bytes {
        true => Ok(()),
        false => {
            Err(Failure { message: format!("it ended after {done} of {} bytes", file.bytes), again: true })
        }
    }
}

/// Holds a file against its checksum. The error inside says what is wrong with it.
fn check(part: &Path, file: &File) -> std::io::Result<Result<(), String>> {
    let found = if file.checksum.len() == 64 {
        hash::<Sha256>(part, b"")?
    } else {
        // Git hashes a length before the contents.
        hash::<sha1::Sha1>(part, format!("blob {}\0", file.bytes).as_bytes())?
    };
    Ok(match found == file.checksum {
        true => Ok(()),
        false => Err(format!("its checksum is {found}, and the server says {}", file.checksum)),
    })
}

fn hash<H: Digest>(path: &Path, before: &[u8]) -> std::io::Result<String> {
    let mut hash = H::new();
    hash.update(before);
    let mut file = Opened::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            length => hash.update(&buffer[..length]),
        }
    }
}
