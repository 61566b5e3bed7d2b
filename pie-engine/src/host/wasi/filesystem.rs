//! `wasi:filesystem`: the [`Scratch`](super::Scratch) folder, opened at `/scratch`.
//!
//! This file only translates; what an operation does and when it fails is in [`scratch`](super::scratch). Flags that ask for writes to reach a disk
//! are accepted and have nothing to do.

use super::bindings::wasi::clocks::wall_clock::Datetime;
use super::bindings::wasi::filesystem::preopens;
use super::bindings::wasi::filesystem::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, Filesize, Host,
    HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use super::scratch::{Follow, Handle, Kind, OpenHow, ScratchError, Stat};
use super::{SCRATCH_PATH, WasiRef};
use crate::clock::WallTime;
use sha2::{Digest, Sha256};
use wasmtime::component::{Resource, ResourceTableError};
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream};

mod streams;

use streams::{FileReader, FileWriter, MAX_READ, Position};

type FsResult<T> = Result<T, FsError>;

/// An error for the guest, or a trap.
pub enum FsError {
    /// The guest gets this code.
    Code(ErrorCode),
    /// The guest ends.
    Trap(wasmtime::Error),
}

impl From<ErrorCode> for FsError {
    fn from(code: ErrorCode) -> Self {
        FsError::Code(code)
    }
}

impl From<ScratchError> for FsError {
    fn from(error: ScratchError) -> Self {
        FsError::Code(error.into())
    }
}

impl From<ResourceTableError> for FsError {
    fn from(error: ResourceTableError) -> Self {
        FsError::Trap(error.into())
    }
}

impl From<ScratchError> for ErrorCode {
    fn from(error: ScratchError) -> Self {
        match error {
            ScratchError::BadDescriptor => ErrorCode::BadDescriptor,
            ScratchError::Busy => ErrorCode::Busy,
            ScratchError::Exist => ErrorCode::Exist,
            ScratchError::FileTooLarge => ErrorCode::FileTooLarge,
            ScratchError::InsufficientSpace => ErrorCode::InsufficientSpace,
            ScratchError::Invalid => ErrorCode::Invalid,
            ScratchError::IsDirectory => ErrorCode::IsDirectory,
            ScratchError::Loop => ErrorCode::Loop,
            ScratchError::NameTooLong => ErrorCode::NameTooLong,
            ScratchError::NoEntry => ErrorCode::NoEntry,
            ScratchError::NotDirectory => ErrorCode::NotDirectory,
            ScratchError::NotEmpty => ErrorCode::NotEmpty,
            ScratchError::NotPermitted => ErrorCode::NotPermitted,
        }
    }
}

/// An open file or directory of the guest.
pub struct Descriptor {
    handle: Handle,
    kind: Kind,
    flags: DescriptorFlags,
}

impl Descriptor {
    fn new(handle: Handle, flags: DescriptorFlags) -> Self {
        let kind = handle.kind();
        // Whoever has a directory may change it: the folder has no permissions.
        let more = if kind == Kind::Directory {
            DescriptorFlags::MUTATE_DIRECTORY
        } else {
            DescriptorFlags::empty()
        };
        Descriptor { handle, kind, flags: flags | more }
    }

    /// The handle, if this is a file that was opened for `flag`.
    fn file(&self, flag: DescriptorFlags) -> FsResult<&Handle> {
        match self.kind {
            Kind::Directory => Err(ErrorCode::IsDirectory.into()),
            _ if !self.flags.contains(flag) => Err(ErrorCode::BadDescriptor.into()),
            _ => Ok(&self.handle),
        }
    }
}

/// How far the guest has read a directory.
pub struct DirectoryReader {
    directory: Handle,
    after: Option<String>,
}

impl From<Kind> for DescriptorType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::File => DescriptorType::RegularFile,
            Kind::Directory => DescriptorType::Directory,
            Kind::SymbolicLink => DescriptorType::SymbolicLink,
        }
    }
}

impl From<Stat> for DescriptorStat {
    fn from(stat: Stat) -> Self {
        DescriptorStat {
            type_: stat.kind.into(),
            link_count: stat.links.into(),
            size: stat.size,
            data_access_timestamp: Some(stat.times.accessed.into()),
            data_modification_timestamp: Some(stat.times.modified.into()),
            status_change_timestamp: Some(stat.times.changed.into()),
        }
    }
}

/// The identity of a node. The interface suggests size and time as well, but what guests make of this is an inode number, and that of a file must
/// not change when the file is written.
fn metadata_hash(stat: Stat) -> MetadataHashValue {
    let digest = Sha256::digest(stat.serial.to_le_bytes());
    let half = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| digest[at + byte]));
    MetadataHashValue { lower: half(0), upper: half(8) }
}

fn follow(flags: PathFlags) -> Follow {
    if flags.contains(PathFlags::SYMLINK_FOLLOW) { Follow::Always } else { Follow::IfDirectory }
}

impl WasiRef<'_> {
    fn descriptor(&self, descriptor: &Resource<Descriptor>) -> FsResult<&Descriptor> {
        Ok(self.table.get(descriptor)?)
    }

    fn handle(&self, descriptor: &Resource<Descriptor>) -> FsResult<&Handle> {
        Ok(&self.descriptor(descriptor)?.handle)
    }

    /// The time that a guest wants to set, if any.
    fn timestamp(&self, timestamp: NewTimestamp) -> FsResult<Option<WallTime>> {
        match timestamp {
            NewTimestamp::NoChange => Ok(None),
            NewTimestamp::Now => Ok(Some(self.wasi.clock.wall())),
            NewTimestamp::Timestamp(Datetime { nanoseconds: 1_000_000_000.., .. }) => {
                Err(ErrorCode::Invalid.into())
            }
            NewTimestamp::Timestamp(Datetime { seconds, nanoseconds }) => {
                Ok(Some(WallTime { seconds, nanoseconds }))
            }
        }
    }

    fn push_writer(
        &mut self,
        descriptor: &Resource<Descriptor>,
        position: Position,
    ) -> FsResult<Resource<DynOutputStream>> {
        let file = self.descriptor(descriptor)?.file(DescriptorFlags::WRITE)?.clone();
        Ok(self.table.push(Box::new(FileWriter::new(file, position)) as DynOutputStream)?)
    }
}

impl preopens::Host for WasiRef<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let root = Descriptor::new(self.wasi.scratch.root(), DescriptorFlags::READ);
        Ok(vec![(self.table.push(root)?, SCRATCH_PATH.to_owned())])
    }
}

impl Host for WasiRef<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        match error {
            FsError::Code(code) => Ok(code),
            FsError::Trap(error) => Err(error),
        }
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        let error = self.table.get(&error)?;
        Ok(error.downcast_ref::<ScratchError>().map(|error| (*error).into()))
    }
}

impl HostDescriptor for WasiRef<'_> {
    fn read_via_stream(
        &mut self,
        fd: Resource<Descriptor>,
        offset: Filesize,
    ) -> FsResult<Resource<DynInputStream>> {
        let file = self.descriptor(&fd)?.file(DescriptorFlags::READ)?.clone();
        Ok(self.table.push(Box::new(FileReader::new(file, offset)) as DynInputStream)?)
    }

    fn write_via_stream(
        &mut self,
        fd: Resource<Descriptor>,
        offset: Filesize,
    ) -> FsResult<Resource<DynOutputStream>> {
        self.push_writer(&fd, Position::At(offset))
    }

    fn append_via_stream(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<DynOutputStream>> {
        self.push_writer(&fd, Position::End)
    }

    fn advise(&mut self, fd: Resource<Descriptor>, _: Filesize, _: Filesize, _: Advice) -> FsResult<()> {
        self.descriptor(&fd)?.file(DescriptorFlags::empty()).map(|_| ())
    }

    fn sync_data(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.descriptor(&fd).map(|_| ())
    }

    fn get_flags(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorFlags> {
        Ok(self.descriptor(&fd)?.flags)
    }

    fn get_type(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorType> {
        Ok(self.descriptor(&fd)?.kind.into())
    }

    fn set_size(&mut self, fd: Resource<Descriptor>, size: Filesize) -> FsResult<()> {
        Ok(self.descriptor(&fd)?.file(DescriptorFlags::WRITE)?.set_size(size)?)
    }

    fn set_times(
        &mut self,
        fd: Resource<Descriptor>,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let (accessed, modified) = (self.timestamp(accessed)?, self.timestamp(modified)?);
        self.handle(&fd)?.set_times(accessed, modified);
        Ok(())
    }

    fn read(
        &mut self,
        fd: Resource<Descriptor>,
        length: Filesize,
        offset: Filesize,
    ) -> FsResult<(Vec<u8>, bool)> {
        let file = self.descriptor(&fd)?.file(DescriptorFlags::READ)?;
        let length = length.min(MAX_READ as u64) as usize;
        let bytes = file.read(offset, length)?;
        // An empty read says so too: guests take no bytes and no end for an interruption and try again.
        let is_end = bytes.is_empty() || bytes.len() < length;
        Ok((bytes.into(), is_end))
    }

    fn write(&mut self, fd: Resource<Descriptor>, bytes: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        self.descriptor(&fd)?.file(DescriptorFlags::WRITE)?.write(offset, &bytes)?;
        Ok(bytes.len() as Filesize)
    }

    fn read_directory(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<DirectoryReader>> {
        let descriptor = self.descriptor(&fd)?;
        if descriptor.kind != Kind::Directory {
            return Err(ErrorCode::NotDirectory.into());
        }
        let reader = DirectoryReader { directory: descriptor.handle.clone(), after: None };
        Ok(self.table.push(reader)?)
    }

    fn sync(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.sync_data(fd)
    }

    fn create_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        Ok(self.handle(&fd)?.create_directory_at(&path)?)
    }

    fn stat(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorStat> {
        Ok(self.handle(&fd)?.stat().into())
    }

    fn stat_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> FsResult<DescriptorStat> {
        Ok(self.handle(&fd)?.stat_at(&path, follow(flags))?.into())
    }

    fn set_times_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let (accessed, modified) = (self.timestamp(accessed)?, self.timestamp(modified)?);
        Ok(self.handle(&fd)?.set_times_at(&path, follow(flags), accessed, modified)?)
    }

    fn link_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        new_fd: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        Ok(self.handle(&fd)?.link_at(&path, follow(flags), self.handle(&new_fd)?, &new_path)?)
    }

    fn open_at(
        &mut self,
        fd: Resource<Descriptor>,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let how = OpenHow {
            follow: follow(path_flags),
            create: open_flags.contains(OpenFlags::CREATE),
            exclusive: open_flags.contains(OpenFlags::EXCLUSIVE),
            directory: open_flags.contains(OpenFlags::DIRECTORY),
            truncate: open_flags.contains(OpenFlags::TRUNCATE),
            write: flags.contains(DescriptorFlags::WRITE),
        };
        let handle = self.handle(&fd)?.open_at(&path, how)?;
        Ok(self.table.push(Descriptor::new(handle, flags))?)
    }

    fn readlink_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<String> {
        Ok(self.handle(&fd)?.read_link_at(&path)?)
    }

    fn remove_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        Ok(self.handle(&fd)?.remove_directory_at(&path)?)
    }

    fn rename_at(
        &mut self,
        fd: Resource<Descriptor>,
        path: String,
        new_fd: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        Ok(self.handle(&fd)?.rename_at(&path, self.handle(&new_fd)?, &new_path)?)
    }

    fn symlink_at(&mut self, fd: Resource<Descriptor>, target: String, path: String) -> FsResult<()> {
        Ok(self.handle(&fd)?.symbolic_link_at(&target, &path)?)
    }

    fn unlink_file_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        Ok(self.handle(&fd)?.unlink_file_at(&path)?)
    }

    fn is_same_object(&mut self, a: Resource<Descriptor>, b: Resource<Descriptor>) -> wasmtime::Result<bool> {
        Ok(self.table.get(&a)?.handle.is_same(&self.table.get(&b)?.handle))
    }

    fn metadata_hash(&mut self, fd: Resource<Descriptor>) -> FsResult<MetadataHashValue> {
        Ok(metadata_hash(self.handle(&fd)?.stat()))
    }

    fn metadata_hash_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        Ok(metadata_hash(self.handle(&fd)?.stat_at(&path, follow(flags))?))
    }

    fn drop(&mut self, fd: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.table.delete(fd)?;
        Ok(())
    }
}

impl HostDirectoryEntryStream for WasiRef<'_> {
    fn read_directory_entry(
        &mut self,
        reader: Resource<DirectoryReader>,
    ) -> FsResult<Option<DirectoryEntry>> {
        let reader = self.table.get_mut(&reader)?;
        let Some(entry) = reader.directory.next_entry(reader.after.as_deref())? else { return Ok(None) };
        reader.after = Some(entry.name.clone());
        Ok(Some(DirectoryEntry { type_: entry.kind.into(), name: entry.name }))
    }

    fn drop(&mut self, reader: Resource<DirectoryReader>) -> wasmtime::Result<()> {
        self.table.delete(reader)?;
        Ok(())
    }
}
