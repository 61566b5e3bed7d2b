//! What cannot be seen by comparing with Linux: limits, times, and the walls of the folder.

use super::*;
use crate::clock::VirtualClock;
use ScratchError::*;

const CREATE: OpenHow = OpenHow {
    follow: Follow::Always,
    create: true,
    exclusive: false,
    directory: false,
    truncate: false,
    write: true,
};

fn folder(bytes: u64, entries: u32) -> (VirtualClock, Scratch, Handle) {
    let clock = VirtualClock::new();
    let scratch = Scratch::new(Arc::new(clock.clone()), ScratchLimits { bytes, entries });
    let root = scratch.root();
    (clock, scratch, root)
}

fn create(root: &Handle, path: &str) -> Handle {
    root.open_at(path, CREATE).unwrap()
}

#[test]
fn bytes_over_the_quota_are_refused_and_leave_the_file_as_it_was() {
    let (_, scratch, root) = folder(10, 10);
    let file = create(&root, "a");
    file.write(0, b"12345678").unwrap();
    assert_eq!(file.write(7, b"8901"), Err(InsufficientSpace));
    assert_eq!(file.append(b"901"), Err(InsufficientSpace));
    assert_eq!(file.set_size(11), Err(InsufficientSpace));
    assert_eq!(file.write(u64::MAX - 1, b"12"), Err(FileTooLarge));
    assert_eq!(file.write(1 << 40, b"1"), Err(InsufficientSpace));
    assert_eq!(root.symbolic_link_at("target", "link"), Err(InsufficientSpace));
    assert_eq!(&file.read(0, 100).unwrap()[..], b"12345678");
    file.write(7, b"8ab").unwrap();
    assert_eq!(scratch.used_bytes(), 10);
    scratch.tree().check();
}

#[test]
fn what_is_removed_gives_its_bytes_back_when_nobody_has_it_open() {
    let (_, scratch, root) = folder(10, 10);
    let file = create(&root, "a");
    file.write(0, &[1; 10]).unwrap();
    root.unlink_file_at("a").unwrap();
    assert_eq!(scratch.used_bytes(), 10);
    assert_eq!(&file.read(8, 8).unwrap()[..], [1, 1]);
    assert_eq!(create(&root, "b").append(b"x"), Err(InsufficientSpace));
    let again = file.clone();
    drop(file);
    assert_eq!(scratch.used_bytes(), 10);
    drop(again);
    assert_eq!(scratch.used_bytes(), 0);
    root.symbolic_link_at("0123456789", "link").unwrap();
    root.rename_at("b", &root, "link").unwrap();
    assert_eq!(scratch.used_bytes(), 0);
    scratch.tree().check();
}

#[test]
fn entries_over_the_quota_are_refused() {
    let (_, scratch, root) = folder(10, 2);
    root.create_directory_at("d").unwrap();
    create(&root, "d/f");
    assert_eq!(root.create_directory_at("e"), Err(InsufficientSpace));
    assert_eq!(root.open_at("g", CREATE).err(), Some(InsufficientSpace));
    assert_eq!(root.link_at("d/f", Follow::Never, &root, "g"), Err(InsufficientSpace));
    assert_eq!(root.symbolic_link_at("x", "g"), Err(InsufficientSpace));
    // One goes and one comes.
    root.rename_at("d/f", &root, "g").unwrap();
    root.rename_at("d", &root, "e").unwrap();
    root.remove_directory_at("e").unwrap();
    root.create_directory_at("h").unwrap();
    scratch.tree().check();
}

#[test]
fn no_path_leads_out_of_the_directory_it_starts_from() {
    let (_, _, root) = folder(1000, 10);
    root.create_directory_at("a").unwrap();
    root.create_directory_at("a/b").unwrap();
    root.symbolic_link_at("../..", "a/up").unwrap();
    root.symbolic_link_at("..", "a/b/up").unwrap();
    let inner = root.open_at("a", OpenHow { create: false, write: false, ..CREATE }).unwrap();
    for path in ["/", "/scratch", "..", "../scratch", "a/../..", "a/up", "a/up/x", "./.././a"] {
        assert_eq!(root.stat_at(path, Follow::Always).err(), Some(NotPermitted), "{path}");
    }
    assert_eq!(inner.stat_at("../a", Follow::Always).err(), Some(NotPermitted));
    assert_eq!(inner.stat_at("b/up/..", Follow::Always).err(), Some(NotPermitted));
    assert!(root.stat_at("a/b/up/../a", Follow::Always).is_ok());
    assert_eq!(root.symbolic_link_at("/etc/passwd", "link"), Err(NotPermitted));
    assert_eq!(root.link_at("a", Follow::Never, &root, "c"), Err(NotPermitted));
}

#[test]
fn links_that_go_in_circles_end() {
    let (_, _, root) = folder(1000, 100);
    root.symbolic_link_at("b", "a").unwrap();
    root.symbolic_link_at("a", "b").unwrap();
    assert_eq!(root.stat_at("a", Follow::Always).err(), Some(Loop));
    assert_eq!(root.open_at("a", CREATE).err(), Some(Loop));
    create(&root, "0");
    for link in 1..=41 {
        root.symbolic_link_at(&format!("{}", link - 1), &format!("{link}")).unwrap();
    }
    assert!(root.stat_at("40", Follow::Always).is_ok());
    assert_eq!(root.stat_at("41", Follow::Always).err(), Some(Loop));
}

#[test]
fn names_and_paths_are_bounded() {
    let (_, _, root) = folder(1000, 1000);
    let name = "n".repeat(MAX_NAME_BYTES);
    root.create_directory_at(&name).unwrap();
    assert_eq!(root.create_directory_at(&format!("{name}n")), Err(NameTooLong));
    assert_eq!(root.stat_at(&"./".repeat(MAX_PATH_BYTES), Follow::Always).err(), Some(NameTooLong));
    assert_eq!(root.stat_at("a\0b", Follow::Always).err(), Some(Invalid));
    // A tree that grows by way of open directories, where every single path is short.
    let mut here = root.open_at(&name, OpenHow { create: false, write: false, ..CREATE }).unwrap();
    let mut depth = 1;
    while here.create_directory_at(&name).is_ok() {
        here = here.open_at(&name, OpenHow { create: false, write: false, ..CREATE }).unwrap();
        depth += 1;
    }
    assert_eq!(here.create_directory_at(&name), Err(NameTooLong));
    assert_eq!(depth, (MAX_PATH_BYTES + 1) / (MAX_NAME_BYTES + 1));
    assert_eq!(here.open_at("x", CREATE).err(), Some(NameTooLong));
    // Nor does it get deeper by moving a tree into another.
    root.create_directory_at("top").unwrap();
    assert_eq!(root.rename_at(&name, &root, &format!("top/{name}")), Err(NameTooLong));
}

#[test]
fn times_are_those_of_the_clock() {
    let (clock, _, root) = folder(1000, 10);
    let at = |seconds: u64| VirtualClock::START.after(seconds * 1_000_000_000);
    let second = || clock.advance(1_000_000_000);
    second();
    let file = create(&root, "a");
    second();
    file.write(0, b"x").unwrap();
    file.read(0, 1).unwrap();
    second();
    root.link_at("a", Follow::Never, &root, "b").unwrap();
    assert_eq!(file.stat().times, Times { accessed: at(1), modified: at(2), changed: at(3) });
    assert_eq!(root.stat().times, Times { accessed: at(0), modified: at(3), changed: at(3) });
    second();
    file.set_times(Some(at(100)), None);
    assert_eq!(file.stat().times, Times { accessed: at(100), modified: at(2), changed: at(4) });
    root.set_times_at("a", Follow::Always, None, Some(at(200))).unwrap();
    assert_eq!(file.stat().times.modified, at(200));
}

#[test]
fn a_reader_of_a_directory_sees_what_stays_while_the_rest_goes() {
    let (_, _, root) = folder(1000, 100);
    for name in ["b", "a", "d", "c", "é"] {
        create(&root, name);
    }
    let mut seen: Vec<String> = Vec::new();
    while let Some(entry) = root.next_entry(seen.last().map(String::as_str)).unwrap() {
        root.unlink_file_at(&entry.name).unwrap();
        seen.push(entry.name);
    }
    assert_eq!(seen, ["a", "b", "c", "d", "é"]);
}

#[test]
fn two_nodes_never_have_the_same_serial() {
    let (_, _, root) = folder(1000, 10);
    let first = create(&root, "a").stat().serial;
    root.unlink_file_at("a").unwrap();
    let second = create(&root, "a");
    assert_ne!(first, second.stat().serial);
    root.rename_at("a", &root, "b").unwrap();
    second.append(b"x").unwrap();
    assert_eq!(root.stat_at("b", Follow::Always).unwrap().serial, second.stat().serial);
    assert!(second.is_same(&create(&root, "b")) && !second.is_same(&root));
}

#[test]
fn many_small_writes_take_no_more_memory_than_the_quota() {
    let (_, scratch, root) = folder(100_000, 10);
    let file = create(&root, "a");
    for _ in 0..10_000 {
        file.append(b"0123456789").unwrap();
    }
    assert_eq!(file.append(b"x"), Err(InsufficientSpace));
    assert_eq!(scratch.tree().capacity(), 100_000);
}
