//! The scratch folder against Linux: the same operations on both, and the same answers, errors and files are expected.

use super::{Follow, Handle, Kind, OpenHow, Scratch, ScratchError, ScratchLimits, Stat};
use crate::clock::VirtualClock;
use proptest::prelude::*;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Which directory a path starts from: the root, or one that was opened before.
type Base = Option<usize>;

#[derive(Clone, Debug)]
enum Operation {
    Open { base: Base, path: String, how: Flags, then: Then },
    Kept { which: usize, then: Then },
    CreateDirectory { base: Base, path: String },
    RemoveDirectory { base: Base, path: String },
    Unlink { base: Base, path: String },
    Rename { base: Base, path: String, new_base: Base, new_path: String },
    HardLink { base: Base, path: String, follow: bool, new_base: Base, new_path: String },
    SymbolicLink { base: Base, path: String, target: String },
    ReadLink { base: Base, path: String },
    Stat { base: Base, path: String, follow: bool },
}

/// What is done with an open file or directory.
#[derive(Clone, Debug)]
enum Then {
    Close,
    Keep,
    KeepToWrite,
    List,
    Read { offset: u64, length: usize },
    Write { offset: u64, bytes: Vec<u8> },
    Append { bytes: Vec<u8> },
    SetSize { size: u64 },
}

impl Operation {
    fn creates(&self) -> bool {
        matches!(self, Operation::Open { how: Flags { create: true, .. }, .. })
    }
}

impl Then {
    fn writes(&self) -> bool {
        !matches!(self, Then::Close | Then::Keep | Then::List | Then::Read { .. })
    }
}

#[derive(Clone, Copy, Debug)]
struct Flags {
    follow: bool,
    create: bool,
    exclusive: bool,
    directory: bool,
    truncate: bool,
}

#[derive(Debug, PartialEq)]
enum Answer {
    Done,
    Stat(Kind, Option<(u32, u64)>),
    Text(String),
    Names(Vec<String>),
    Bytes(Vec<u8>),
}

/// What an operation said: an answer or the number of an error.
type Said = Result<Answer, i32>;

struct Ours {
    scratch: Scratch,
    root: Handle,
    /// The handle, and whether it was opened to write: that is for `wasi:filesystem` to know.
    kept: Vec<(Handle, bool)>,
}

struct Linux {
    root: OwnedFd,
    kept: Vec<OwnedFd>,
}

fn number(error: ScratchError) -> i32 {
    let errno = match error {
        ScratchError::BadDescriptor => Errno::BADF,
        ScratchError::Busy => Errno::BUSY,
        ScratchError::Exist => Errno::EXIST,
        ScratchError::FileTooLarge => Errno::FBIG,
        ScratchError::InsufficientSpace => Errno::NOSPC,
        ScratchError::Invalid => Errno::INVAL,
        ScratchError::IsDirectory => Errno::ISDIR,
        ScratchError::Loop => Errno::LOOP,
        ScratchError::NameTooLong => Errno::NAMETOOLONG,
        ScratchError::NoEntry => Errno::NOENT,
        ScratchError::NotDirectory => Errno::NOTDIR,
        ScratchError::NotEmpty => Errno::NOTEMPTY,
        ScratchError::NotPermitted => Errno::PERM,
    };
    errno.raw_os_error()
}

fn follow(follow: bool) -> Follow {
    if follow { Follow::Always } else { Follow::IfDirectory }
}

impl Ours {
    fn new() -> Self {
        let scratch = Scratch::new(Arc::new(VirtualClock::new()), ScratchLimits::default());
        Ours { root: scratch.root(), scratch, kept: Vec::new() }
    }

    fn base(&self, base: Base) -> &Handle {
        base.and_then(|which| self.kept.get(which)).map_or(&self.root, |(handle, _)| handle)
    }

    fn apply(&mut self, operation: &Operation) -> Said {
        self.try_apply(operation).map_err(number)
    }

    fn try_apply(&mut self, operation: &Operation) -> super::Result<Answer> {
        use Operation::*;
        match operation {
            Open { base, path, how, then } => {
                let write = then.writes();
                let Flags { create, exclusive, directory, truncate, .. } = *how;
                let how =
                    OpenHow { follow: follow(how.follow), create, exclusive, directory, truncate, write };
                let handle = self.base(*base).open_at(path, how)?;
                return self.then(handle, then);
            }
            Kept { which, then } => {
                let Some((handle, write)) = self.kept.get(*which).cloned() else { return Ok(Answer::Done) };
                return match then {
                    Then::SetSize { .. } if !write => Err(ScratchError::Invalid),
                    Then::Write { .. } | Then::Append { .. } if !write => Err(ScratchError::BadDescriptor),
                    Then::Keep | Then::KeepToWrite => Ok(Answer::Done),
                    then => self.then(handle, then),
                };
            }
            CreateDirectory { base, path } => self.base(*base).create_directory_at(path)?,
            RemoveDirectory { base, path } => self.base(*base).remove_directory_at(path)?,
            Unlink { base, path } => self.base(*base).unlink_file_at(path)?,
            Rename { base, path, new_base, new_path } => {
                self.base(*base).rename_at(path, self.base(*new_base), new_path)?;
            }
            HardLink { base, path, follow: follows, new_base, new_path } => {
                self.base(*base).link_at(path, follow(*follows), self.base(*new_base), new_path)?;
            }
            SymbolicLink { base, path, target } => self.base(*base).symbolic_link_at(target, path)?,
            ReadLink { base, path } => return self.base(*base).read_link_at(path).map(Answer::Text),
            Stat { base, path, follow: follows } => {
                let stat = self.base(*base).stat_at(path, follow(*follows))?;
                return Ok(answer(stat));
            }
        }
        Ok(Answer::Done)
    }

    fn then(&mut self, handle: Handle, then: &Then) -> super::Result<Answer> {
        match then {
            Then::Close => {}
            Then::Keep => self.kept.push((handle, false)),
            Then::KeepToWrite => self.kept.push((handle, true)),
            Then::List => return Ok(Answer::Names(names(&handle)?)),
            Then::Read { offset, length } => {
                return handle.read(*offset, *length).map(|bytes| Answer::Bytes(bytes.to_vec()));
            }
            Then::Write { offset, bytes } => handle.write(*offset, bytes)?,
            Then::Append { bytes } => handle.append(bytes)?,
            Then::SetSize { size } => handle.set_size(*size)?,
        }
        Ok(Answer::Done)
    }
}

fn answer(stat: Stat) -> Answer {
    let numbers = (stat.kind != Kind::Directory).then_some((stat.links, stat.size));
    Answer::Stat(stat.kind, numbers)
}

fn names(directory: &Handle) -> super::Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    while let Some(entry) = directory.next_entry(names.last().map(String::as_str))? {
        names.push(entry.name);
    }
    Ok(names)
}

impl Linux {
    fn new(path: &Path) -> Self {
        let root = rustix::fs::open(path, OFlags::DIRECTORY, Mode::empty()).unwrap();
        Linux { root, kept: Vec::new() }
    }

    fn base(&self, base: Base) -> &OwnedFd {
        base.and_then(|which| self.kept.get(which)).unwrap_or(&self.root)
    }

    fn apply(&mut self, operation: &Operation) -> Said {
        self.try_apply(operation).map_err(Errno::raw_os_error)
    }

    fn try_apply(&mut self, operation: &Operation) -> Result<Answer, Errno> {
        use Operation::*;
        let (files, directories) = (Mode::from_raw_mode(0o644), Mode::from_raw_mode(0o755));
        match operation {
            Open { base, path, how, then } => {
                let file = rustix::fs::openat(self.base(*base), path, how.linux(then), files)?;
                return self.then(file, then);
            }
            Kept { which, then } => {
                let Some(file) = self.kept.get(*which) else { return Ok(Answer::Done) };
                return match then {
                    Then::Keep | Then::KeepToWrite => Ok(Answer::Done),
                    then => self.then(file.try_clone().unwrap(), then),
                };
            }
            CreateDirectory { base, path } => rustix::fs::mkdirat(self.base(*base), path, directories)?,
            RemoveDirectory { base, path } => {
                rustix::fs::unlinkat(self.base(*base), path, AtFlags::REMOVEDIR)?;
            }
            Unlink { base, path } => rustix::fs::unlinkat(self.base(*base), path, AtFlags::empty())?,
            Rename { base, path, new_base, new_path } => {
                rustix::fs::renameat(self.base(*base), path, self.base(*new_base), new_path)?;
            }
            HardLink { base, path, follow, new_base, new_path } => {
                let flags = if *follow { AtFlags::SYMLINK_FOLLOW } else { AtFlags::empty() };
                rustix::fs::linkat(self.base(*base), path, self.base(*new_base), new_path, flags)?;
            }
            SymbolicLink { base, path, target } => rustix::fs::symlinkat(target, self.base(*base), path)?,
            ReadLink { base, path } => {
                let target = rustix::fs::readlinkat(self.base(*base), path, Vec::new())?;
                return Ok(Answer::Text(target.into_string().unwrap()));
            }
            Stat { base, path, follow } => {
                let flags = if *follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
                return Ok(linux_answer(&rustix::fs::statat(self.base(*base), path, flags)?));
            }
        }
        Ok(Answer::Done)
    }

    fn then(&mut self, file: OwnedFd, then: &Then) -> Result<Answer, Errno> {
        match then {
            Then::Close => {}
            Then::Keep | Then::KeepToWrite => self.kept.push(file),
            Then::List => return Ok(Answer::Names(linux_names(file)?)),
            Then::Read { offset, length } => {
                let mut bytes = vec![0; *length];
                let length = rustix::io::pread(&file, &mut bytes[..], *offset)?;
                bytes.truncate(length);
                return Ok(Answer::Bytes(bytes));
            }
            Then::Write { offset, bytes } => {
                assert_eq!(rustix::io::pwrite(&file, bytes, *offset)?, bytes.len());
            }
            Then::Append { bytes } => {
                let end = rustix::fs::fstat(&file)?.st_size;
                assert_eq!(rustix::io::pwrite(&file, bytes, end as u64)?, bytes.len());
            }
            Then::SetSize { size } => rustix::fs::ftruncate(&file, *size)?,
        }
        Ok(Answer::Done)
    }
}

fn linux_answer(stat: &rustix::fs::Stat) -> Answer {
    let kind = match rustix::fs::FileType::from_raw_mode(stat.st_mode) {
        rustix::fs::FileType::Directory => Kind::Directory,
        rustix::fs::FileType::Symlink => Kind::SymbolicLink,
        _ => Kind::File,
    };
    let numbers = (kind != Kind::Directory).then_some((stat.st_nlink as u32, stat.st_size as u64));
    Answer::Stat(kind, numbers)
}

fn linux_names(directory: OwnedFd) -> Result<Vec<String>, Errno> {
    let mut names = Vec::new();
    let mut entries = rustix::fs::Dir::new(directory)?;
    entries.rewind();
    for entry in entries {
        names.push(entry?.file_name().to_str().unwrap().to_owned());
    }
    names.retain(|name| name != "." && name != "..");
    names.sort();
    Ok(names)
}

impl Flags {
    fn linux(self, then: &Then) -> OFlags {
        let mut flags = if then.writes() { OFlags::RDWR } else { OFlags::RDONLY };
        flags.set(OFlags::NOFOLLOW, !self.follow);
        flags.set(OFlags::CREATE, self.create);
        flags.set(OFlags::EXCL, self.exclusive);
        flags.set(OFlags::DIRECTORY, self.directory);
        flags.set(OFlags::TRUNC, self.truncate);
        flags
    }
}

/// Everything below a directory, by path: files with their bytes, links with their target.
fn ours_below(directory: &Handle, path: &str, found: &mut BTreeMap<String, String>) {
    for name in names(directory).unwrap() {
        let full = format!("{path}/{name}");
        let what = match directory.stat_at(&name, Follow::Never).unwrap().kind {
            Kind::SymbolicLink => format!("-> {}", directory.read_link_at(&name).unwrap()),
            kind => {
                let how = OpenHow {
                    follow: Follow::Never,
                    create: false,
                    exclusive: false,
                    directory: false,
                    truncate: false,
                    write: false,
                };
                let handle = directory.open_at(&name, how).unwrap();
                if kind == Kind::Directory {
                    ours_below(&handle, &full, found);
                    "directory".to_owned()
                } else {
                    format!("{:?}", &handle.read(0, usize::MAX).unwrap()[..])
                }
            }
        };
        found.insert(full, what);
    }
}

fn linux_below(directory: &Path, path: &str, found: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let full = format!("{path}/{}", entry.file_name().to_str().unwrap());
        let kind = entry.file_type().unwrap();
        let what = if kind.is_symlink() {
            format!("-> {}", std::fs::read_link(entry.path()).unwrap().to_str().unwrap())
        } else if kind.is_dir() {
            linux_below(&entry.path(), &full, found);
            "directory".to_owned()
        } else {
            format!("{:?}", std::fs::read(entry.path()).unwrap())
        };
        found.insert(full, what);
    }
}

fn path() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        6 => prop::sample::select(vec!["a", "b", "c"]),
        1 => Just("."),
        1 => Just(".."),
    ];
    let names = prop::collection::vec(name, 1..4);
    let end = prop_oneof![5 => Just(""), 1 => Just("/")];
    (names, end).prop_map(|(names, end)| names.join("/") + end)
}

fn then() -> impl Strategy<Value = Then> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..5);
    prop_oneof![
        1 => Just(Then::Close),
        2 => Just(Then::Keep),
        1 => Just(Then::KeepToWrite),
        1 => Just(Then::List),
        1 => (0..8u64, 0..8usize).prop_map(|(offset, length)| Then::Read { offset, length }),
        2 => (0..8u64, bytes()).prop_map(|(offset, bytes)| Then::Write { offset, bytes }),
        1 => bytes().prop_map(|bytes| Then::Append { bytes }),
        1 => (0..8u64).prop_map(|size| Then::SetSize { size }),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let at = || (prop::option::weighted(0.2, 0..4usize), path());
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let flags = flags.prop_map(|(follow, create, exclusive, directory, truncate)| {
        // Linux leaves open what these mean together, so we do not ask.
        let directory = directory && !create && !truncate;
        Flags { follow, create, exclusive: exclusive && create, directory, truncate }
    });
    let open = (at(), flags, then()).prop_map(|((base, path), how, mut then)| {
        if how.truncate && !then.writes() {
            then = Then::Append { bytes: vec![7] };
        }
        Operation::Open { base, path, how, then }
    });
    let target = path().prop_filter("a target that only says where it is", |target| target != "/");
    prop_oneof![
        4 => open,
        1 => (0..4usize, then()).prop_map(|(which, then)| Operation::Kept { which, then }),
        4 => at().prop_map(|(base, path)| Operation::CreateDirectory { base, path }),
        1 => at().prop_map(|(base, path)| Operation::RemoveDirectory { base, path }),
        1 => at().prop_map(|(base, path)| Operation::Unlink { base, path }),
        3 => (at(), at()).prop_map(|((base, path), (new_base, new_path))| Operation::Rename { base, path, new_base, new_path }),
        1 => (at(), any::<bool>(), at()).prop_map(|((base, path), follow, (new_base, new_path))| {
            Operation::HardLink { base, path, follow, new_base, new_path }
        }),
        2 => (at(), target).prop_map(|((base, path), target)| Operation::SymbolicLink { base, path, target }),
        1 => at().prop_map(|(base, path)| Operation::ReadLink { base, path }),
        1 => (at(), any::<bool>()).prop_map(|((base, path), follow)| Operation::Stat { base, path, follow }),
    ]
}

proptest! {
    #[test]
    fn every_operation_does_what_linux_does(operations in prop::collection::vec(operation(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        // Deep enough that a path out of the root, if one slipped through, would still be in the folder.
        let root = folder.path().join("0/1/2/3");
        std::fs::create_dir_all(&root).unwrap();
        let (mut ours, mut linux) = (Ours::new(), Linux::new(&root));
        for operation in &operations {
            let said = ours.apply(operation);
            ours.scratch.tree().check();
            if said == Err(number(ScratchError::NotPermitted)) {
                // It would leave the folder, so Linux is not asked, or link to a directory, which other tests see to.
                continue;
            }
            let expected = linux.apply(operation);
            if operation.creates() && [&said, &expected].contains(&&Err(Errno::ISDIR.raw_os_error())) {
                // It could only have made a directory. Which error says so has changed between releases of Linux.
                prop_assert_eq!(said.is_err(), expected.is_err(), "{:?}", operation);
            } else {
                prop_assert_eq!(said, expected, "{:?}", operation);
            }
        }
        let (mut found, mut expected) = (BTreeMap::new(), BTreeMap::new());
        ours_below(&ours.root, "", &mut found);
        linux_below(&root, "", &mut expected);
        prop_assert_eq!(found, expected);
        ours.kept.clear();
        ours.scratch.tree().check();
    }
}
