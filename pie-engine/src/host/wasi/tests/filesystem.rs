use super::super::WasiRef;
use super::super::bindings::wasi::clocks::wall_clock::Datetime;
use super::super::bindings::wasi::filesystem::preopens::Host as _;
use super::super::bindings::wasi::filesystem::types::{
    DescriptorFlags, DescriptorType, ErrorCode, Host as _, HostDescriptor as _,
    HostDirectoryEntryStream as _, NewTimestamp, OpenFlags, PathFlags,
};
use super::super::filesystem::{Descriptor, FsError};
use super::{Printed, State, WasiView, now};
use crate::clock::VirtualClock;
use wasmtime::component::Resource;
use wasmtime_wasi_io::streams::{DynOutputStream, StreamError};

const READ: DescriptorFlags = DescriptorFlags::READ;
const WRITE: DescriptorFlags = DescriptorFlags::WRITE;

/// Another handle of the same number, as a guest that borrows one passes it.
fn borrow<T: 'static>(resource: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(resource.rep())
}

fn code<T>(result: Result<T, FsError>) -> ErrorCode {
    match result {
        Ok(_) => panic!("it works"),
        Err(FsError::Code(code)) => code,
        Err(FsError::Trap(error)) => panic!("{error:?}"),
    }
}

fn ok<T>(result: Result<T, FsError>) -> T {
    match result {
        Ok(value) => value,
        Err(FsError::Code(code)) => panic!("{code:?}"),
        Err(FsError::Trap(error)) => panic!("{error:?}"),
    }
}

struct Files<'a> {
    wasi: WasiRef<'a>,
    root: Resource<Descriptor>,
}

impl<'a> Files<'a> {
    fn new(state: &'a mut State) -> Self {
        let mut wasi = state.wasi();
        let mut directories = wasi.get_directories().unwrap();
        let (root, path) = directories.pop().unwrap();
        assert_eq!((path.as_str(), directories.len()), ("/scratch", 0));
        Files { wasi, root }
    }

    fn try_open(
        &mut self,
        path: &str,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> Result<Resource<Descriptor>, FsError> {
        self.wasi.open_at(borrow(&self.root), PathFlags::SYMLINK_FOLLOW, path.into(), open, flags)
    }

    fn create(&mut self, path: &str) -> Resource<Descriptor> {
        ok(self.try_open(path, OpenFlags::CREATE, READ | WRITE))
    }

    fn write(&mut self, stream: &Resource<DynOutputStream>, bytes: &'static [u8]) -> Result<(), StreamError> {
        now(self.wasi.table.get_mut(stream).unwrap().blocking_write_and_flush(bytes.into()))
    }
}

fn state() -> State {
    State::new(&VirtualClock::new(), &Printed::default())
}

#[test]
fn a_file_does_only_what_it_was_opened_for() {
    let mut state = state();
    let mut files = Files::new(&mut state);
    let file = ok(files.try_open("a", OpenFlags::CREATE, WRITE));
    assert_eq!(ok(files.wasi.write(borrow(&file), b"hello".into(), 0)), 5);
    assert_eq!(code(files.wasi.read(borrow(&file), 5, 0)), ErrorCode::BadDescriptor);
    assert_eq!(code(files.wasi.read_via_stream(borrow(&file), 0)), ErrorCode::BadDescriptor);
    let file = ok(files.try_open("a", OpenFlags::empty(), READ));
    assert_eq!(code(files.wasi.write(borrow(&file), b"x".into(), 0)), ErrorCode::BadDescriptor);
    assert_eq!(code(files.wasi.append_via_stream(borrow(&file))), ErrorCode::BadDescriptor);
    assert_eq!(code(files.wasi.set_size(borrow(&file), 0)), ErrorCode::BadDescriptor);
    assert_eq!(ok(files.wasi.get_flags(borrow(&file))), READ);
    let root = borrow(&files.root);
    assert_eq!(ok(files.wasi.get_flags(borrow(&root))), READ | DescriptorFlags::MUTATE_DIRECTORY);
    assert_eq!(code(files.wasi.read(root, 5, 0)), ErrorCode::IsDirectory);
    assert_eq!(code(files.wasi.read_directory(file)), ErrorCode::NotDirectory);
}

#[test]
fn positioned_reads_say_when_they_reach_the_end() {
    let mut state = state();
    let mut files = Files::new(&mut state);
    let file = files.create("a");
    ok(files.wasi.write(borrow(&file), b"hello".into(), 2));
    assert_eq!(ok(files.wasi.read(borrow(&file), 3, 0)), (b"\0\0h".to_vec(), false));
    assert_eq!(ok(files.wasi.read(borrow(&file), 100, 3)), (b"ello".to_vec(), true));
    assert_eq!(ok(files.wasi.read(borrow(&file), 1, u64::MAX)), (vec![], true));
    assert_eq!(ok(files.wasi.read(borrow(&file), 0, 0)), (vec![], true));
}

#[test]
fn streams_read_write_and_append_each_at_their_own_place() {
    let mut state = state();
    let mut files = Files::new(&mut state);
    let file = files.create("a");
    let writer = ok(files.wasi.write_via_stream(borrow(&file), 3));
    let appender = ok(files.wasi.append_via_stream(borrow(&file)));
    files.write(&writer, b"one").unwrap();
    files.write(&appender, b"three").unwrap();
    files.write(&writer, b"TWO").unwrap();
    let reader = ok(files.wasi.read_via_stream(borrow(&file), 1));
    let reader = files.wasi.table.get_mut(&reader).unwrap();
    assert_eq!(&reader.read(4).unwrap()[..], b"\0\0on");
    assert_eq!(&now(reader.blocking_read(1000)).unwrap()[..], b"eTWOee");
    assert!(matches!(reader.read(1), Err(StreamError::Closed)));
}

#[test]
fn a_full_folder_is_an_error_that_the_guest_can_ask_for() {
    let mut state = state();
    state.wasi.scratch.insert("big", vec![0; (64 << 20) - 3]).unwrap();
    let mut files = Files::new(&mut state);
    let file = files.create("a");
    let stream = ok(files.wasi.append_via_stream(borrow(&file)));
    files.write(&stream, b"abc").unwrap();
    let Err(StreamError::LastOperationFailed(error)) = files.write(&stream, b"d") else { panic!("it fits") };
    let error = files.wasi.table.push(error).unwrap();
    let found = files.wasi.filesystem_error_code(borrow(&error)).unwrap();
    assert_eq!(found, Some(ErrorCode::InsufficientSpace));
    assert!(matches!(files.write(&stream, b"d"), Err(StreamError::Closed)));
    assert_eq!(code(files.wasi.write(file, b"d".into(), 3)), ErrorCode::InsufficientSpace);
}

#[test]
fn what_the_host_puts_in_the_guest_finds_and_the_other_way_round() {
    let mut state = state();
    let scratch = state.wasi.scratch().clone();
    scratch.insert("in/data.txt", *b"from the host").unwrap();
    let mut files = Files::new(&mut state);
    let file = ok(files.try_open("in/data.txt", OpenFlags::empty(), READ));
    assert_eq!(ok(files.wasi.read(file, 100, 0)).0, b"from the host");
    let file = files.create("out");
    ok(files.wasi.write(file, b"from the guest".into(), 0));
    assert_eq!(scratch.files()["out"], b"from the guest");
}

#[test]
fn a_directory_is_read_in_the_order_of_its_names() {
    let mut state = state();
    let mut files = Files::new(&mut state);
    for path in ["z", "B", "a"] {
        files.create(path);
    }
    ok(files.wasi.create_directory_at(borrow(&files.root), "d".into()));
    ok(files.wasi.symlink_at(borrow(&files.root), "a".into(), "l".into()));
    let reader = ok(files.wasi.read_directory(borrow(&files.root)));
    let mut found = Vec::new();
    while let Some(entry) = ok(files.wasi.read_directory_entry(borrow(&reader))) {
        found.push((entry.name, entry.type_));
    }
    let (file, directory, link) =
        (DescriptorType::RegularFile, DescriptorType::Directory, DescriptorType::SymbolicLink);
    let expected = [("B", file), ("a", file), ("d", directory), ("l", link), ("z", file)];
    assert_eq!(found, expected.map(|(name, kind)| (name.to_owned(), kind)));
}

#[test]
fn an_inode_number_stays_with_its_file() {
    let mut state = state();
    let mut files = Files::new(&mut state);
    let root = borrow(&files.root);
    let hash = |wasi: &mut WasiRef<'_>, path: &str| {
        let hash = ok(wasi.metadata_hash_at(borrow(&root), PathFlags::empty(), path.into()));
        (hash.lower, hash.upper)
    };
    let file = files.create("a");
    files.create("b");
    let first = hash(&mut files.wasi, "a");
    assert_ne!(first, hash(&mut files.wasi, "b"));
    ok(files.wasi.write(borrow(&file), b"x".into(), 0));
    ok(files.wasi.rename_at(borrow(&files.root), "a".into(), borrow(&files.root), "c".into()));
    assert_eq!(first, hash(&mut files.wasi, "c"));
    let again = ok(files.try_open("c", OpenFlags::empty(), READ));
    assert!(files.wasi.is_same_object(borrow(&file), again).unwrap());
    assert!(!files.wasi.is_same_object(file, borrow(&files.root)).unwrap());
}

#[test]
fn times_can_be_set_and_nonsense_is_refused() {
    let mut state = state();
    let mut files = Files::new(&mut state);
    let file = files.create("a");
    let time = |nanoseconds| NewTimestamp::Timestamp(Datetime { seconds: 5, nanoseconds });
    ok(files.wasi.set_times(borrow(&file), NewTimestamp::NoChange, time(999_999_999)));
    let stat = ok(files.wasi.stat(borrow(&file)));
    let modified = stat.data_modification_timestamp.unwrap();
    assert_eq!((modified.seconds, modified.nanoseconds), (5, 999_999_999));
    assert_eq!(stat.data_access_timestamp.unwrap().seconds, VirtualClock::START.seconds);
    let refused = files.wasi.set_times(file, time(1_000_000_000), NewTimestamp::Now);
    assert_eq!(code(refused), ErrorCode::Invalid);
}

#[test]
fn a_full_table_is_a_trap_and_not_an_error_code() {
    let mut state = state();
    let mut files = Files::new(&mut state);
    files.wasi.table.set_max_capacity(2);
    files.create("a");
    assert!(matches!(files.try_open("a", OpenFlags::empty(), READ), Err(FsError::Trap(_))));
}
